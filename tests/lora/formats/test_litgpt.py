"""litgpt's fused q, k and v against its rules written out here, with grouped queries."""

from __future__ import annotations

import pytest
import torch
import yaml
from torch.nn import functional as F

from verilora.errors import AdapterFileError
from verilora.lora.formats.architecture import architecture_of
from verilora.lora.formats.dialect import Given
from verilora.lora.formats.litgpt import read_litgpt, write_litgpt

ROWS = {"q_proj": 16, "k_proj": 8, "v_proj": 8}


def update_of_qkv(a, b, enabled, scale):
    """ΔW [32, 16] of attn.qkv: each enabled part is a 1-wide convolution of its own A by its B;
    the parts stand at their rows of [q | k | v], zeros between them."""
    sizes = [rows for rows, on in zip(ROWS.values(), enabled, strict=True) if on]
    parts = [
        F.conv1d(own_a[None], own_b[..., None])[0]
        for own_a, own_b in zip(a.chunk(sum(enabled)), b.split(sizes), strict=True)
    ]
    whole, start = torch.zeros(32, 16, dtype=a.dtype), 0
    for rows, on in zip(ROWS.values(), enabled, strict=True):
        if on:
            whole[start : start + rows] = parts.pop(0) * scale
        start += rows
    return whole


@pytest.fixture
def sizes(llama_settings):
    return architecture_of(llama_settings)


@pytest.fixture
def write(tmp_path):
    def write(adapter, given):
        for name, content in write_litgpt(adapter, given).files.items():
            (tmp_path / name).write_bytes(content)
        settings = yaml.safe_load((tmp_path / "hyperparameters.yaml").read_text())
        return torch.load(tmp_path / "lit_model.pth.lora", weights_only=True)["model"], settings

    return write


@pytest.mark.parametrize(
    "names", [("q_proj", "v_proj"), ("q_proj", "k_proj", "v_proj"), ("k_proj",), ("v_proj",)]
)
def test_the_fused_update_is_q_k_v_one_after_the_other(llama_adapter, write, sizes, dense, names):
    adapter = llama_adapter(*names)
    found, settings = write(adapter, Given(architecture=sizes))
    enabled = [settings[f"lora_{part}"] for part in ("query", "key", "value")]
    assert enabled == [name in names for name in ROWS]
    scale = settings["lora_alpha"] / settings["lora_r"]
    for layer in (0, 1):
        a = found[f"transformer.h.{layer}.attn.qkv.lora_A"].double()
        b = found[f"transformer.h.{layer}.attn.qkv.lora_B"].double()
        wanted = torch.cat(
            [
                dense(adapter.pairs[f"model.layers.{layer}.self_attn.{name}"])
                if name in names
                else torch.zeros(rows, 16, dtype=torch.float64)
                for name, rows in ROWS.items()
            ]
        )
        torch.testing.assert_close(update_of_qkv(a, b, enabled, scale), wanted)


def test_names_and_switches(llama_adapter, write, sizes):
    found, settings = write(
        llama_adapter("o_proj", "gate_proj", "up_proj", "down_proj"), Given(architecture=sizes)
    )
    modules = {name.rpartition(".")[0] for name in found}
    own = ("attn.proj", "mlp.fc_1", "mlp.fc_2", "mlp.proj")
    assert modules == {f"transformer.h.{i}.{name}" for i in (0, 1) for name in own}
    on = {key for key, value in settings.items() if value is True}
    assert on == {"lora_projection", "lora_mlp"}
    assert settings["lora_r"] == 2
    assert settings["checkpoint_dir"] == "checkpoints/the-base"


def test_every_layer_has_the_shapes_that_strict_loading_wants(llama_adapter, write, sizes):
    adapter = llama_adapter("q_proj", "gate_proj")
    one = adapter.replace(pairs={p: x for p, x in adapter.pairs.items() if ".0." in p})
    found, _ = write(one, Given(architecture=sizes))
    assert found["transformer.h.1.attn.qkv.lora_B"].shape == (16, 2)
    assert found["transformer.h.1.mlp.proj.lora_A"].shape == (2, 24)
    assert not found["transformer.h.1.attn.qkv.lora_B"].any()


def test_read_with_its_settings_or_with_what_is_given(llama_adapter, write, sizes, tmp_path, dense):
    adapter = llama_adapter("q_proj", "k_proj", "o_proj")
    write(adapter, Given(architecture=sizes))
    parts = Given(None, 4, sizes, ("q", "k"))
    for given in (Given(architecture=sizes), parts):
        found = read_litgpt(tmp_path / "lit_model.pth.lora", given)
        assert set(found.pairs) == set(adapter.pairs)
        for path, pair in adapter.pairs.items():
            assert torch.equal(dense(found.pairs[path]), dense(pair))
        (tmp_path / "hyperparameters.yaml").unlink(missing_ok=True)
    with pytest.raises(AdapterFileError, match="gives no lora_alpha"):
        read_litgpt(tmp_path, Given(architecture=sizes))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            {"transformer.h.0.attn.attn.lora_A": 2, "transformer.h.0.attn.attn.lora_B": 2},
            "alternate",
        ),
        ({"transformer.h.0.attn.qkv.lora_A": 2}, "has only 'lora_A'"),
        (
            {"transformer.h.0.attn.qkv.lora_A": 2, "transformer.h.0.attn.qkv.lora_B": 2},
            "have .* rows",
        ),
        ({"transformer.wte.weight": 2}, "no adapter tensor"),
        ({}, "pairs of the ranks"),
    ],
)
def test_refusals_when_reading(tmp_path, sizes, content, told):
    tensors = {name: torch.ones(size, size) for name, size in content.items()}
    torch.save({"model": tensors}, tmp_path / "lit_model.pth.lora")
    with pytest.raises(AdapterFileError, match=told):
        read_litgpt(tmp_path, Given(alpha=4, architecture=sizes))


def test_refusals_when_writing(llama_adapter, llama_settings, sizes, make_pair):
    adapter = llama_adapter()
    with pytest.raises(AdapterFileError, match="give the base with --model"):
        write_litgpt(adapter, Given())
    neox = architecture_of({**llama_settings, "model_type": "gpt_neox"})
    with pytest.raises(AdapterFileError, match="the model is 'gpt_neox'"):
        write_litgpt(adapter, Given(architecture=neox))
    head = adapter.replace(pairs={**adapter.pairs, "lm_head": make_pair(32, 16)})
    with pytest.raises(AdapterFileError, match="fills its vocabulary up"):
        write_litgpt(head, Given(architecture=sizes))
