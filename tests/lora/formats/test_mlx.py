"""mlx-lm's directory, against its own formulas written out here."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from verilora.errors import AdapterFileError
from verilora.lora.formats.dialect import Given
from verilora.lora.formats.mlx import read_mlx, write_mlx

Q = "model.layers.0.self_attn.q_proj"


@pytest.fixture
def write(tmp_path):
    def write(adapter):
        for name, content in write_mlx(adapter, Given()).files.items():
            (tmp_path / name).write_bytes(content)
        config = json.loads((tmp_path / "adapter_config.json").read_text())
        return load_file(tmp_path / "adapters.safetensors"), config

    return write


def test_scale_multiplies_and_factors_are_transposed(llama_adapter, write, dense):
    adapter = llama_adapter(fields=lambda path: {"scale": 16 / 3, "rank": 3}, dropout=0.1)
    found, config = write(adapter)
    parameters = config["lora_parameters"]
    assert (parameters["rank"], parameters["dropout"]) == (3, 0.1)
    assert found[f"{Q}.lora_a"].shape == (16, 3)
    x = torch.randn(5, 16, dtype=torch.float64)
    z = (x @ found[f"{Q}.lora_a"].double()) @ found[f"{Q}.lora_b"].double()
    torch.testing.assert_close(parameters["scale"] * z, x @ dense(adapter.pairs[Q]).t())
    assert set(parameters["keys"]) == set(adapter.pairs)
    assert (config["fine_tune_type"], config["num_layers"]) == ("lora", 2)


def test_embeddings_are_looked_up(llama_adapter, write, make_pair):
    words = make_pair(16, 32, embedding=True)
    adapter = llama_adapter()
    found, _ = write(adapter.replace(pairs={**adapter.pairs, "model.embed_tokens": words}))
    ids = torch.tensor([3, 7])
    looked_up = found["model.embed_tokens.lora_a"][ids] @ found["model.embed_tokens.lora_b"]
    torch.testing.assert_close(looked_up, (words.b @ words.a).t()[ids])


def test_dora_is_said(llama_adapter, write, tmp_path):
    adapter = llama_adapter("q_proj", fields=lambda path: {"magnitude": torch.ones(16)})
    found, config = write(adapter)
    assert config["fine_tune_type"] == "dora"
    assert found[f"{Q}.m"].shape == (16,)
    assert read_mlx(tmp_path, Given()).has_magnitudes


def test_what_mlx_writes_itself_is_read(tmp_path):
    """All arguments of its command stand in its config."""
    save_file(
        {f"{Q}.lora_a": torch.ones(16, 2), f"{Q}.lora_b": torch.ones(2, 16)},
        tmp_path / "adapters.safetensors",
    )
    arguments = {
        "model": "mlx-community/x",
        "iters": 1000,
        "optimizer_config": {"adam": {}},
        "num_layers": 16,
        "lora_parameters": {"rank": 2, "dropout": 0.0, "scale": 20.0},
    }
    (tmp_path / "adapter_config.json").write_text(json.dumps(arguments))
    found = read_mlx(tmp_path, Given())
    assert found.pairs[Q].scale == 20.0
    assert found.base == "mlx-community/x"


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"fine_tune_type": "full"}, "'lora' or 'dora' is wanted"),
        ({"lora_parameters": None}, "lora_parameters"),
        ({"lora_parameters": {"rank": 0, "scale": 1.0}}, "rank is 0"),
        ({"lora_parameters": {"rank": 2, "scale": -1.0}}, "scale is -1"),
        ({"lora_parameters": {"rank": 2, "scale": 1.0, "dropout": 2}}, "dropout is 2"),
        ({"lora_parameters": {"rank": 3, "scale": 1.0}}, "states the rank 3"),
    ],
)
def test_configs_that_are_refused(llama_adapter, write, tmp_path, config, told):
    _, own = write(llama_adapter())
    (tmp_path / "adapter_config.json").write_text(json.dumps({**own, **config}))
    with pytest.raises(AdapterFileError, match=told):
        read_mlx(tmp_path, Given())


@pytest.mark.parametrize(
    ("tensors", "told"),
    [
        ({"model.layers.0.x.weight": (2, 2)}, "no adapter tensor"),
        ({"transformer.h.0.x.lora_a": (2, 2)}, "no adapter tensor"),
        ({f"{Q}.lora_a": (16, 2)}, "has only 'lora_a'"),
        ({f"{Q}.lora_a": (3, 16, 2), f"{Q}.lora_b": (3, 2, 16)}, "stack of experts"),
        ({f"{Q}.lora_a": (16, 2), f"{Q}.lora_b": (3, 16)}, "has \\(16, 2\\) and"),
    ],
)
def test_tensors_that_are_refused(llama_adapter, write, tmp_path, tensors, told):
    write(llama_adapter())
    made = {name: torch.ones(shape) for name, shape in tensors.items()}
    save_file(made, tmp_path / "adapters.safetensors")
    with pytest.raises(AdapterFileError, match=told):
        read_mlx(tmp_path, Given())


def test_names_of_other_models_are_refused(llama_adapter, make_pair):
    adapter = llama_adapter().replace(pairs={"transformer.h.0.attn.c_attn": make_pair(12, 4)})
    with pytest.raises(AdapterFileError, match=r"model.layers.N alone"):
        write_mlx(adapter, Given())
