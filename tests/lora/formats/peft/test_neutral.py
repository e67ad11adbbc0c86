"""PEFT directories of any version without a model; PEFT as the oracle."""

from __future__ import annotations

import json
import re

import pytest
import torch
from safetensors.torch import load_file, save_file

from verilora.errors import AdapterFileError
from verilora.lora.formats.peft.neutral import is_peft, read_peft

LAYER = "model.layers.0.self_attn."


def delta_of(adapted, path):
    """What PEFT itself adds to the weight of a module."""
    return adapted.get_submodule(f"base_model.model.{path}").get_delta_weight("default")


@pytest.mark.parametrize(
    "config",
    [
        {"r": 4, "lora_alpha": 6},
        {"r": 8, "lora_alpha": 16, "use_rslora": True},
        {"r": 4, "rank_pattern": {"v_proj": 2}, "alpha_pattern": {"v_proj": 5}},
    ],
)
def test_updates_are_those_of_peft(peft_saves, tiny, dense, config):
    model, directory = peft_saves(tiny.llama(), target_modules=["q_proj", "v_proj"], **config)
    found = read_peft(directory)
    assert len(found.pairs) == 4
    for path, pair in found.pairs.items():
        torch.testing.assert_close(dense(pair).float(), delta_of(model, path))
    assert found.targets == ("q_proj", "v_proj") or set(found.targets) == {"q_proj", "v_proj"}


def test_gpt2_and_embeddings(peft_saves, tiny, dense):
    model, directory = peft_saves(
        tiny.gpt2(), r=2, target_modules=["c_attn", "wte"], fan_in_fan_out=True
    )
    found = read_peft(directory)
    path = "transformer.h.1.attn.c_attn"
    torch.testing.assert_close(dense(found.pairs[path]).float().t(), delta_of(model, path))
    words = found.pairs["transformer.wte"]
    assert words.embedding
    torch.testing.assert_close(dense(words).float().t(), delta_of(model, "transformer.wte"))


def test_dora_and_biases(peft_saves, tiny):
    _, directory = peft_saves(
        tiny.roberta(), r=2, target_modules=["query"], use_dora=True, bias="lora_only"
    )
    found = read_peft(directory)
    path = "roberta.encoder.layer.1.attention.self.query"
    assert found.pairs[path].magnitude.shape == (16,)
    assert found.biases[f"{path}.bias"].shape == (16,)


def test_heads_and_their_names(peft_saves, tiny):
    _, directory = peft_saves(tiny.roberta(), r=2, target_modules=["query"], task_type="SEQ_CLS")
    found = read_peft(directory)
    assert found.heads == ("classifier",)
    assert set(found.whole) == {
        f"classifier.{name}.{kind}" for name in ("dense", "out_proj") for kind in ("weight", "bias")
    }
    assert found.task_type == "SEQ_CLS"


def test_the_pickled_form_and_a_plain_state_dict(peft_saves, tiny, edit, tmp_path):
    _, directory = peft_saves(tiny.roberta(), r=2, target_modules=["query"], task_type="SEQ_CLS")
    plain = read_peft(directory)
    tensors = load_file(directory / "adapter_model.safetensors")
    named = {
        re.sub(r"(lora_[AB])", r"\1.default", n).replace(
            "classifier.", "classifier.modules_to_save.default."
        ): t
        for n, t in tensors.items()
    }
    (directory / "adapter_model.safetensors").unlink()
    torch.save(named, directory / "adapter_model.bin")
    found = read_peft(directory)
    assert found.pairs.keys() == plain.pairs.keys()
    assert found.whole.keys() == plain.whole.keys()
    assert all(torch.equal(found.pairs[p].b, plain.pairs[p].b) for p in plain.pairs)
    assert any("weights_only" in note for note in found.notes)


def test_peft_before_0_3_had_parts_of_fused_projections(tmp_path, dense):
    config = {
        "peft_type": "LORA",
        "r": 2,
        "lora_alpha": 4,
        "bias": "none",
        "target_modules": ["c_attn"],
        "enable_lora": [True, False, True],
        "merge_weights": False,
        "modules_to_save": None,
    }
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    a, b = torch.randn(4, 5), torch.randn(6, 2, 1)
    prefix = "base_model.model.transformer.h.0.attn.c_attn"
    tensors = {f"{prefix}.lora_A.weight": a, f"{prefix}.lora_B.weight": b}
    torch.save(tensors, tmp_path / "adapter_model.bin")
    pair = read_peft(tmp_path).pairs["transformer.h.0.attn.c_attn"]
    grouped = torch.nn.functional.conv1d(a[None], b, groups=2)[0] * 2
    found = dense(pair).float()
    torch.testing.assert_close(torch.cat([found[:3], found[6:]]), grouped)
    assert not found[3:6].any()


def test_unknown_keys_are_said(saved, tiny, edit):
    _, directory = saved(tiny.linears(), rank=2, target_modules=["0"])
    (directory / "verilora.json").unlink()
    edit(directory / "adapter_config.json", use_hyperlora=False, hyper_config=None)
    (note,) = read_peft(directory).notes
    assert "'hyper_config', 'use_hyperlora'" in note
    edit(directory / "adapter_config.json", use_hyperlora=True)
    with pytest.raises(AdapterFileError, match="unknown key 'use_hyperlora' with the value True"):
        read_peft(directory)


def test_the_digest_of_the_base_and_edited_files(saved, tiny, edit):
    _, directory = saved(tiny.linears(), rank=2, target_modules=["0"])
    recorded = json.loads((directory / "verilora.json").read_text())["base"]["tensors"]
    assert read_peft(directory).base_digests == recorded
    edit(directory / "adapter_config.json", lora_alpha=99)
    with pytest.raises(AdapterFileError, match=r"adapter_config.json was changed"):
        read_peft(directory)


@pytest.mark.parametrize("layer", ["conv", "tied"])
def test_what_verilora_saves_of_other_layers(saved, tiny, dense, layer):
    if layer == "conv":
        model = tiny.seeded(lambda: torch.nn.Sequential(torch.nn.Conv2d(3, 4, 2)))
        adapted, directory = saved(model, rank=2, target_modules=["0"])
        pair = read_peft(directory).pairs["0"]
        assert pair.kernel == (3, 2, 2)
        wanted = adapted[0].lora["weight"].dense()
        torch.testing.assert_close(dense(pair).float().reshape(4, 3, 2, 2), wanted)
    else:
        _, directory = saved(
            tiny.llama(tied=True), rank=2, target_modules=["embed_tokens"], tied="shared"
        )
        assert set(read_peft(directory).pairs) == {"model.embed_tokens", "lm_head"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({LAYER + "q_proj.lora_A.weight": torch.ones(3, 16)}, "no pair of the rank 2"),
        ({LAYER + "q_proj.lora_A.weight": None}, "has only 'B'"),
        ({LAYER + "q_proj.lora_B.weight": torch.full((16, 2), torch.inf)}, "NaN or infinite"),
        ({"model.norm.weight": torch.ones(16)}, "neither a factor nor in a module"),
        ({LAYER + "q_proj.lora_B.bias": torch.ones(16)}, "bias of the adapter"),
    ],
)
def test_tensors_that_are_refused(saved, tiny, change, told):
    _, directory = saved(tiny.llama(), rank=2, target_modules=["q_proj"])
    (directory / "verilora.json").unlink()
    tensors = load_file(directory / "adapter_model.safetensors")
    made = {**tensors, **{f"base_model.model.{name}": t for name, t in change.items()}}
    save_file(
        {name: t for name, t in made.items() if t is not None},
        directory / "adapter_model.safetensors",
    )
    with pytest.raises(AdapterFileError, match=told):
        read_peft(directory)


def test_other_names_and_no_tensors(saved, tiny, tmp_path):
    _, directory = saved(tiny.linears(), rank=2, target_modules=["0"])
    (directory / "verilora.json").unlink()
    save_file({"0.lora_A": torch.ones(2, 8)}, directory / "adapter_model.safetensors")
    with pytest.raises(AdapterFileError, match="does not begin with"):
        read_peft(directory)
    save_file({}, directory / "adapter_model.safetensors")
    with pytest.raises(AdapterFileError, match="no pair of lora_A and lora_B"):
        read_peft(directory)
    assert is_peft(directory)
    assert not is_peft(tmp_path / "absent")
