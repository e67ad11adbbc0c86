"""torchtune's order of rows, against rotary embeddings of both kinds written out here."""

from __future__ import annotations

import json

import pytest
import torch

from verilora.errors import AdapterFileError
from verilora.lora.formats.architecture import architecture_of
from verilora.lora.formats.dialect import Given
from verilora.lora.formats.peft.neutral import read_peft
from verilora.lora.formats.peft.neutral_write import write_peft
from verilora.lora.formats.torchtune import (
    read_torchtune,
    to_halves,
    to_neighbours,
    write_torchtune,
)

LAYER = "model.layers.0.self_attn."
FREQUENCIES = 10_000.0 ** (-torch.arange(0, 4, 2, dtype=torch.float64) / 4)


def turned_in_halves(x, positions):
    """Hugging Face's rotation: entry i of a head with entry i + half of it."""
    angles = positions[:, None] * FREQUENCIES
    cosine, sine = angles.cos(), angles.sin()
    first, second = x[..., :2], x[..., 2:]
    return torch.cat([first * cosine - second * sine, second * cosine + first * sine], dim=-1)


def turned_as_neighbours(x, positions):
    """torchtune's rotation: entries 2i and 2i + 1 of a head as one complex number."""
    pairs = torch.view_as_complex(x.reshape(*x.shape[:-1], 2, 2).contiguous())
    angles = positions[:, None] * FREQUENCIES
    return torch.view_as_real(pairs * torch.polar(torch.ones_like(angles), angles)).flatten(-2)


def scores(x, query, key, turn):
    """Attention scores [heads, length, length] with grouped queries: 4 heads, 2 of keys."""
    positions = torch.arange(x.shape[0], dtype=torch.float64)
    q = (x @ query.t()).reshape(-1, 4, 4).transpose(0, 1)
    k = (x @ key.t()).reshape(-1, 2, 4).transpose(0, 1).repeat_interleave(2, dim=0)
    return turn(q, positions) @ turn(k, positions).transpose(-1, -2)


def rows_one_by_one(weight, heads):
    """The order of torchtune's rows, entry by entry."""
    size = weight.shape[0] // heads
    order = [
        head * size + half * (size // 2) + index
        for head in range(heads)
        for index in range(size // 2)
        for half in (0, 1)
    ]
    return weight[order]


@pytest.fixture
def sizes(llama_settings):
    return architecture_of(llama_settings)


@pytest.fixture
def write(tmp_path):
    def write(adapter, given):
        written = write_torchtune(adapter, given)
        for name, content in written.files.items():
            (tmp_path / name).write_bytes(content)
        return torch.load(tmp_path / "adapter_model.pt", weights_only=True)

    return write


def test_the_two_rotations_of_transformers_and_here_agree():
    from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

    x, positions = torch.randn(3, 5, 4, dtype=torch.float64), torch.arange(5.0).double()
    angles = torch.cat([positions[:, None] * FREQUENCIES] * 2, dim=-1)[None]
    wanted, _ = apply_rotary_pos_emb(x[None], x[None], angles.cos(), angles.sin())
    torch.testing.assert_close(turned_in_halves(x, positions), wanted[0])


def test_attention_of_torchtunes_model_is_that_of_hugging_faces(llama_adapter, write, sizes, dense):
    adapter = llama_adapter("q_proj", "k_proj")
    found = write(adapter, Given(architecture=sizes))
    generator = torch.Generator().manual_seed(4)
    base = {
        name: torch.randn(rows, 16, generator=generator, dtype=torch.float64)
        for name, rows in (("q_proj", 16), ("k_proj", 8))
    }
    x = torch.randn(6, 16, generator=generator, dtype=torch.float64)
    theirs = [base[n] + dense(adapter.pairs[LAYER + n]) for n in ("q_proj", "k_proj")]
    own = []
    for name, heads in (("q_proj", 4), ("k_proj", 2)):
        a = found[f"layers.0.attn.{name}.lora_a.weight"].double()
        b = found[f"layers.0.attn.{name}.lora_b.weight"].double()
        own.append(rows_one_by_one(base[name], heads) + 2.0 * b @ a)
    wanted = scores(x, *theirs, turned_in_halves)
    torch.testing.assert_close(scores(x, *own, turned_as_neighbours), wanted)
    unturned = scores(x, *theirs, turned_as_neighbours)
    assert (unturned - wanted).abs().max() > 1  # the test can fail


def test_names_shapes_and_flags(llama_adapter, write, sizes, tmp_path):
    names = ("q_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    found = write(llama_adapter(*names), Given(architecture=sizes))
    modules = {name.rsplit(".", 2)[0] for name in found}
    own = ("attn.q_proj", "attn.output_proj", "mlp.w1", "mlp.w2", "mlp.w3")
    assert modules == {f"layers.{i}.{name}" for i in (0, 1) for name in own}
    assert found["layers.0.mlp.w2.lora_a.weight"].shape == (2, 24)
    assert found["layers.0.mlp.w1.lora_b.weight"].shape == (24, 2)
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"]) == (2, 4)


@pytest.mark.parametrize("kind", ["llama", "mistral", "gemma", "gemma2", "qwen2", "qwen3"])
def test_only_qwen_keeps_hugging_faces_order(llama_adapter, write, llama_settings, kind):
    adapter = llama_adapter("q_proj", "v_proj")
    sizes = architecture_of({**llama_settings, "model_type": kind})
    found = write(adapter, Given(architecture=sizes))
    same = torch.equal(
        found["layers.0.attn.q_proj.lora_b.weight"], adapter.pairs[LAYER + "q_proj"].b
    )
    assert same is (kind in ("qwen2", "qwen3"))
    v = found["layers.0.attn.v_proj.lora_b.weight"]
    assert torch.equal(v, adapter.pairs[LAYER + "v_proj"].b)


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_orders_undo_each_other(heads):
    rows = torch.arange(24.0).view(8, 3)
    assert torch.equal(to_neighbours(rows, heads), rows_one_by_one(rows, heads))
    assert torch.equal(to_halves(to_neighbours(rows, heads), heads), rows)


def test_magnitudes_follow_the_rows(llama_adapter, write, sizes):
    lengths = torch.arange(16.0) + 1
    adapter = llama_adapter("q_proj", fields=lambda path: {"magnitude": lengths})
    found = write(adapter, Given(architecture=sizes))
    magnitude = found["layers.1.attn.q_proj.magnitude"]
    assert torch.equal(magnitude, rows_one_by_one(lengths[:, None], 4)[:, 0])


def test_alpha_from_the_config_beside_it_or_given(llama_adapter, write, sizes, tmp_path, dense):
    adapter = llama_adapter()
    write(adapter, Given(architecture=sizes))
    file = tmp_path / "adapter_model.pt"
    for given in (Given(architecture=sizes), Given(alpha=4, rank=2, architecture=sizes)):
        found = read_torchtune(file, given)
        for path, pair in adapter.pairs.items():
            assert torch.equal(dense(found.pairs[path]), dense(pair))
    (tmp_path / "adapter_config.json").unlink()
    with pytest.raises(AdapterFileError, match="holds no alpha"):
        read_torchtune(file, Given(architecture=sizes))


def test_peft_directories_that_torchtune_writes_are_read(llama_adapter, write, sizes, tmp_path):
    """Its exporter permutes lora_B back and names alike, with three keys in its config."""
    adapter = llama_adapter()
    write(adapter, Given(architecture=sizes))
    (tmp_path / "adapter_model.safetensors").write_bytes(
        write_peft(adapter)["adapter_model.safetensors"]
    )
    found = read_peft(tmp_path)
    assert {pair.scale for pair in found.pairs.values()} == {2.0}


def test_refusals(llama_adapter, sizes, llama_settings, tmp_path):
    adapter = llama_adapter()
    with pytest.raises(AdapterFileError, match="give the base with --model"):
        write_torchtune(adapter, Given())
    other = architecture_of({**llama_settings, "model_type": "phi3"})
    with pytest.raises(AdapterFileError, match="the model is 'phi3'"):
        write_torchtune(adapter, Given(architecture=other))
    wrong = adapter.replace(pairs={"transformer.h.0.attn.c_attn": adapter.pairs[LAYER + "q_proj"]})
    with pytest.raises(AdapterFileError, match="no module that torchtune adapts"):
        write_torchtune(wrong, Given(architecture=sizes))
    given = Given(alpha=4, architecture=sizes)
    for content, told in (
        ({"layers.0.attn.q_proj.weight": torch.ones(1)}, "no adapter tensor"),
        ({"layers.0.attn.q_proj.lora_a.weight": torch.ones(2, 16)}, "has only 'a'"),
        ({}, "no lora_a and lora_b"),
    ):
        torch.save(content, tmp_path / "adapter_model.pt")
        with pytest.raises(AdapterFileError, match=told):
            read_torchtune(tmp_path, given)


@pytest.mark.parametrize("rank", [3])
def test_a_rank_that_is_another(llama_adapter, write, sizes, tmp_path, rank):
    write(llama_adapter(), Given(architecture=sizes))
    with pytest.raises(AdapterFileError, match="and 3 was given"):
        read_torchtune(tmp_path, Given(rank=rank, architecture=sizes))
