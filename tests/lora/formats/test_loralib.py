"""loralib's state dicts, against loralib itself and the layout of its authors' scripts."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from verilora import load_adapter
from verilora.errors import AdapterFileError
from verilora.lora.formats.adapter import Adapter
from verilora.lora.formats.architecture import architecture_of
from verilora.lora.formats.convert import convert
from verilora.lora.formats.dialect import Given
from verilora.lora.formats.loralib import read_loralib, write_loralib

QUERY = "roberta.encoder.layer.0.attention.self.query"
ATTENTION = "transformer.h.{}.attn.c_attn"


def glue(labels: int = 3) -> dict[str, torch.Tensor]:
    """As examples/NLU saves: query and value of both layers, and the head beside them."""
    generator = torch.Generator().manual_seed(3)
    found = {}
    for index in (0, 1):
        for name in ("query", "value"):
            path = f"roberta.encoder.layer.{index}.attention.self.{name}"
            found[f"{path}.lora_A"] = torch.randn(4, 16, generator=generator)
            found[f"{path}.lora_B"] = torch.randn(16, 4, generator=generator)
    found["classifier.dense.weight"] = torch.randn(16, 16, generator=generator)
    found["classifier.dense.bias"] = torch.randn(16, generator=generator)
    found["classifier.out_proj.weight"] = torch.randn(labels, 16, generator=generator)
    found["classifier.out_proj.bias"] = torch.randn(labels, generator=generator)
    return found


@pytest.fixture
def save(tmp_path):
    def save(content, name="roberta_base_lora_mnli.bin"):
        torch.save(content, tmp_path / name)
        return tmp_path / name

    return save


@pytest.mark.parametrize("rank", [None, 4])
def test_the_glue_form_answers_in_its_model_as_loralib_computes(save, tiny, tmp_path, rank):
    content = glue()
    out = convert(save(content), "peft", out=tmp_path / "out", given=Given(rank, 8)).directory
    model, plain = tiny.roberta(), tiny.roberta()
    load_adapter(model, out)
    with torch.no_grad():
        for path in {name.rpartition(".")[0] for name in content if "lora_" in name}:
            delta = content[f"{path}.lora_B"] @ content[f"{path}.lora_A"] * (8 / 4)
            plain.get_submodule(path).weight += delta
        head = {n.removeprefix("classifier."): t for n, t in content.items() if "classifier" in n}
        plain.classifier.load_state_dict(head)
        torch.testing.assert_close(model(tiny.ids).logits, plain(tiny.ids).logits)
    config = json.loads((out / "adapter_config.json").read_text())
    assert config["modules_to_save"] == ["classifier"]
    assert config["task_type"] == "SEQ_CLS"


def test_another_number_of_labels_is_told(save, tmp_path):
    sizes = architecture_of({"model_type": "roberta", "id2label": {"0": "no", "1": "yes"}})
    given = Given(alpha=8, architecture=sizes)
    found = convert(save(glue(labels=3)), "peft", out=tmp_path / "out", given=given)
    assert any(
        "the head has 3 labels and the model's config 2: load the base with num_labels=3" in note
        for note in found.notes
    )


def test_loralib_reads_what_is_written_and_merges_the_same(make_pair, tmp_path, dense):
    lora = pytest.importorskip("loralib")
    pair = make_pair(6, 5, rank=2, scale=1.5)
    written = write_loralib(Adapter({"0": pair}), Given())
    (tmp_path / "lora.pt").write_bytes(written.files["lora.pt"])
    model = nn.Sequential(lora.Linear(5, 6, r=written.given.rank, lora_alpha=written.given.alpha))
    base = model[0].weight.detach().clone()
    told = model.load_state_dict(torch.load(tmp_path / "lora.pt", weights_only=True), strict=False)
    assert not told.unexpected_keys
    model[0].train(False)  # loralib merges here
    torch.testing.assert_close(model[0].weight - base, dense(pair).float())


@pytest.mark.parametrize("enabled", [[True, False, True], [True, True, True], [False, False, True]])
def test_merged_linear_both_ways_against_loralib(tmp_path, save, dense, enabled):
    lora = pytest.importorskip("loralib")
    layer = lora.MergedLinear(6, 12, r=2, lora_alpha=8, enable_lora=enabled, merge_weights=True)
    with torch.no_grad():
        layer.lora_B.normal_()
    model = nn.ModuleDict({"transformer": nn.ModuleDict({"c_attn": layer})})
    base = layer.weight.detach().clone()
    state = lora.lora_state_dict(model)
    layer.train(False)
    delta = layer.weight.detach() - base
    parts = tuple(p for p, on in zip("qkv", enabled, strict=True) if on)
    file = save({"model_state_dict": state}, "model.pt")
    adapter = read_loralib(file, Given(alpha=8, parts=parts))
    pair = adapter.pairs["transformer.c_attn"]
    torch.testing.assert_close(dense(pair).float(), delta)
    again = write_loralib(adapter, Given())
    (tmp_path / "lora.pt").write_bytes(again.files["lora.pt"])
    content = torch.load(tmp_path / "lora.pt", weights_only=True)["model_state_dict"]
    assert content.keys() == state.keys()
    assert all(torch.equal(content[name], state[name]) for name in state)
    assert again.given.parts == parts
    assert any(f"enable_lora={enabled}" in note for note in again.notes)


def test_the_nlg_form_answers_in_gpt2(save, tiny, tmp_path):
    content = {}
    generator = torch.Generator().manual_seed(1)
    for index in (0, 1):
        content[f"module.{ATTENTION.format(index)}.lora_A"] = torch.randn(
            4, 16, generator=generator
        )
        content[f"module.{ATTENTION.format(index)}.lora_B"] = torch.randn(
            32, 2, generator=generator
        )
    found = convert(
        save({"model_state_dict": content}), "peft", out=tmp_path / "out", given=Given(alpha=4)
    )
    assert any("taken for q and v" in note for note in found.notes)
    model, plain = tiny.gpt2(), tiny.gpt2()
    load_adapter(model, found.directory)
    with torch.no_grad():
        for index in (0, 1):
            a = content[f"module.{ATTENTION.format(index)}.lora_A"]
            b = content[f"module.{ATTENTION.format(index)}.lora_B"]
            delta = torch.zeros(48, 16)
            delta[:16], delta[32:] = b[:16] @ a[:2] * 2, b[16:] @ a[2:] * 2
            plain.get_submodule(ATTENTION.format(index)).weight += delta.t()
        torch.testing.assert_close(model(tiny.ids).logits, plain(tiny.ids).logits)


def test_a_dense_update_of_c_attn_becomes_three_parts(make_pair, tmp_path, dense):
    path = ATTENTION.format(0)
    before = Adapter({path: make_pair(12, 4)})
    written = write_loralib(before, Given())
    (tmp_path / "lora.pt").write_bytes(written.files["lora.pt"])
    after = read_loralib(tmp_path, written.given)
    torch.testing.assert_close(dense(after.pairs[path]), dense(before.pairs[path]))
    content = torch.load(tmp_path / "lora.pt", weights_only=True)["model_state_dict"]
    assert content[f"{path}.lora_A"].shape == (6, 4)


def test_biases_of_lora_only_are_kept(save, tmp_path):
    content = {**glue(), f"{QUERY}.bias": torch.ones(16)}
    out = convert(save(content), "peft", out=tmp_path / "out", given=Given(alpha=8)).directory
    assert json.loads((out / "adapter_config.json").read_text())["bias"] == "lora_only"
    back = convert(out, "loralib", out=tmp_path / "back").directory
    again = torch.load(back / "lora.pt", weights_only=True)
    assert again.keys() == content.keys()
    assert all(torch.equal(again[name], content[name]) for name in content)


@pytest.mark.parametrize(
    ("change", "given", "told"),
    [
        ({}, Given(), "holds no alpha"),
        ({}, Given(alpha=8, rank=5), "has the rank 4 at .*, and 5 was given"),
        ({f"{QUERY}.weight": torch.ones(16, 16)}, Given(alpha=8), "not the whole model"),
        ({f"{QUERY}.lora_B": torch.ones(16, 3)}, Given(alpha=8), "has factors"),
        ({f"{QUERY}.lora_A": None}, Given(alpha=8), "holds NoneType"),
        ({f"{QUERY}.lora_A": torch.full((4, 16), float("nan"))}, Given(alpha=8), "NaN"),
        ({f"{ATTENTION.format(0)}.lora_A": torch.ones(2, 4)}, Given(alpha=8), "has only 'lora_A'"),
    ],
)
def test_refusals(save, change, given, told):
    with pytest.raises(AdapterFileError, match=told):
        read_loralib(save({**glue(), **change}), given)


@pytest.mark.parametrize("parts", [(), ("q", "v"), ("query",)])
def test_one_part_of_c_attn_has_to_be_named(save, parts):
    path = ATTENTION.format(0)
    content = {f"{path}.lora_A": torch.ones(2, 4), f"{path}.lora_B": torch.ones(4, 2)}
    with pytest.raises(AdapterFileError, match="--parts q"):
        read_loralib(save(content), Given(alpha=8, parts=parts))
    read_loralib(save(content), Given(alpha=8, parts=("k",)))


def test_nothing_in_it(save):
    with pytest.raises(AdapterFileError, match="no lora_A and lora_B"):
        read_loralib(save({"classifier.weight": torch.ones(2, 2)}), Given(alpha=8))


@pytest.mark.parametrize("parts", [["q", "v"], ["k"], ["q", "k", "v"]])
def test_parts_adapted_here_become_a_merged_linear(saved, tiny, tmp_path, parts):
    lora = pytest.importorskip("loralib")
    model, directory = saved(
        tiny.gpt2(), rank=3, alpha=5, target_modules=["c_attn"], fused={"c_attn": parts}
    )
    done = convert(directory, "loralib", out=tmp_path / "out")
    assert done.proof.equal
    enabled = [part in parts for part in "qkv"]
    layer = lora.MergedLinear(
        16, 48, r=3, lora_alpha=5, enable_lora=enabled, fan_in_fan_out=True, bias=True
    )
    content = torch.load(done.directory / "lora.pt", weights_only=True)["model_state_dict"]
    path = ATTENTION.format(1)
    own = {n.removeprefix(f"{path}."): t for n, t in content.items() if n.startswith(path)}
    layer.load_state_dict(own, strict=False)
    base = layer.weight.detach().clone()
    layer.train(False)
    updates = model.get_submodule(path).lora
    wanted = sum(update.dense() for update in updates.updates()).detach()
    torch.testing.assert_close(layer.weight.detach() - base, wanted, rtol=1e-4, atol=1e-5)
