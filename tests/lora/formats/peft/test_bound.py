"""Made of others without a model, and bound to the same base all the same."""

from __future__ import annotations

import json

import pytest
import torch

from verilora import LoraConfig, attach, combine, load_adapter, save_adapter
from verilora.errors import BaseMismatch
from verilora.lora.formats.convert import convert
from verilora.lora.formats.dialect import Given

CONFIGS = {
    "plain": {"target_modules": ["query", "value"]},
    "patterns": {"target_modules": ["query", "value"], "rank_pattern": {"value": 3}},
    "head": {"target_modules": ["query"], "modules_to_save": ["classifier"]},
    "dora": {"target_modules": ["query"], "weight_rule": "dora"},
    "biases": {"target_modules": ["query"], "bias": "lora_only"},
    "words": {"target_modules": ["word_embeddings", "dense"]},
}


@pytest.fixture
def made(tiny, tmp_path, randomise):
    def made(name="one", seed=1, maker="roberta", **config):
        model = randomise(attach(getattr(tiny, maker)(), LoraConfig(rank=2, **config)), seed)
        save_adapter(model, tmp_path / name)
        return model, tmp_path / name

    return made


@pytest.mark.parametrize("case", CONFIGS)
def test_a_converted_adapter_knows_its_base(made, tiny, tmp_path, answer, case):
    model, directory = made(**CONFIGS[case])
    out = convert(directory, "peft", out=tmp_path / "out", given=Given(uniform=True)).directory
    again = load_adapter(tiny.roberta(), out)
    torch.testing.assert_close(answer(again, tiny.ids), answer(model, tiny.ids))
    other = tiny.roberta()
    with torch.no_grad():
        other.roberta.embeddings.LayerNorm.weight.add_(1)
    with pytest.raises(BaseMismatch, match=r"LayerNorm\.weight"):
        load_adapter(other, out)
    own, copied = (json.loads((d / "verilora.json").read_text()) for d in (directory, out))
    assert own["base"] == copied["base"]


def test_a_sum_of_other_targets_knows_its_base(made, tiny, tmp_path, answer):
    _, one = made(target_modules=["query"])
    _, two = made("two", 2, target_modules=["value", "query"], scale_rule="rslora")
    combine([one, two], [0.5, -2.0], tmp_path / "sum")
    load_adapter(tiny.roberta(), tmp_path / "sum")
    other = tiny.roberta()
    with torch.no_grad():
        next(other.parameters()).add_(1)
    with pytest.raises(BaseMismatch):
        load_adapter(other, tmp_path / "sum")


def test_started_factors_fit_the_base_itself(made, tiny, tmp_path, answer):
    model, directory = made(target_modules=["query"], init="pissa")
    out = convert(directory, "peft", out=tmp_path / "out").directory
    again = load_adapter(tiny.roberta(), out)
    torch.testing.assert_close(
        answer(again, tiny.ids), answer(model, tiny.ids), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize(
    ("maker", "config"),
    [
        ("gpt2", {"target_modules": ["c_attn"], "fused": {"c_attn": ["q", "v"]}}),
        ("llama", {"target_modules": ["embed_tokens"], "tied": "untie"}),
    ],
)
def test_what_cannot_be_said_without_a_model_is_left_out(made, tiny, tmp_path, maker, config):
    _, directory = made(maker=maker, **config)
    out = convert(directory, "peft", out=tmp_path / "out").directory
    assert (out / "verilora.json").exists() is (maker == "llama")
    load_adapter(getattr(tiny, maker)(), out)


def test_a_part_that_knows_nothing_binds_nothing(made, tmp_path):
    _, one = made(target_modules=["query"])
    _, two = made("two", 2, target_modules=["query"])
    (two / "verilora.json").unlink()
    found = combine([one, two], [1, 1], tmp_path / "sum")
    assert not (tmp_path / "sum" / "verilora.json").exists()
    assert any("not every adapter records" in note for note in found.notes)


def test_updates_of_replaced_weights_are_told_and_add_up_with_their_own_kind_alone(made, tmp_path):
    _, loftq = made(target_modules=["query"], init="loftq")
    _, plain = made("two", target_modules=["query"])
    done = convert(loftq, "peft", out=tmp_path / "out")
    assert any("replaced 2 weights of the base (LoftQ)" in note for note in done.notes)
    assert not (tmp_path / "out" / "verilora.json").exists()
    with pytest.raises(BaseMismatch):
        combine([loftq, plain], [1, 1], tmp_path / "sum")
    combine([loftq, loftq], [0.5, 0.5], tmp_path / "sum")
