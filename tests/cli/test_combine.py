"""combine: one adapter of several, told module by module."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file

PATH = "base_model.model.bert.encoder.layer.0.attention.self.query"


@pytest.fixture
def delta():
    def delta(directory):
        tensors = load_file(directory / "adapter_model.safetensors")
        config = json.loads((directory / "adapter_config.json").read_text())
        a, b = (tensors[f"{PATH}.lora_{x}.weight"].double() for x in "AB")
        return config["lora_alpha"] / config["r"] * b @ a

    return delta


def test_an_adapter_with_itself(verilora, trained, tmp_path, delta):
    adapter = trained / "adapter"
    told = verilora(
        "combine", trained, adapter, "--weights", "0.25,0.75", "--out", tmp_path / "same"
    )
    assert told.status == 0, told.err
    assert "2 modules, error in all" in told.out
    torch.testing.assert_close(delta(tmp_path / "same"), delta(adapter), rtol=1e-5, atol=1e-7)
    told = verilora(
        "combine", adapter, adapter, "--weights", "0.5,0.5", "--rank", 1, "--json",
        "--out", tmp_path / "small",
    )  # fmt: skip
    found = json.loads(told.out)
    assert [layer["rank"] for layer in found["layers"]] == [1, 1]
    assert found["relative_error"] > 0


def test_methods(verilora, trained, tmp_path):
    made = [trained, trained, "--weights", "0.5,0.5", "--density", 0.5, "--seed", 3]
    for method in ("ties", "dare", "magnitude"):
        told = verilora("combine", *made, "--method", method, "--out", tmp_path / method, "--json")
        assert told.status == 0, told.err
        assert json.loads(told.out)["method"] == {"name": method, "density": 0.5, "seed": 3}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--weights", "1"], "adapters: 2, weights: 1; one weight for each is wanted"),
        (["--weights", "a,b"], "numbers with commas"),
        ([], "add up to 2"),
        (["--method", "tie"], "did you mean 'ties'"),
        (["--weights", "1,0", "--rank", "0"], "rank is 0"),
    ],
)
def test_refusals(verilora, trained, tmp_path, arguments, told):
    made = [trained, other(trained, tmp_path), *arguments]
    found = verilora("combine", *made, "--out", tmp_path / "o")
    assert found.status == 1
    assert told in found.err
    assert not (tmp_path / "o").exists()


def other(trained, tmp_path):
    """The same adapter with another head."""
    import shutil

    from safetensors.torch import save_file

    directory = tmp_path / "other"
    shutil.copytree(trained / "adapter", directory)
    (directory / "verilora.json").unlink()
    tensors = load_file(directory / "adapter_model.safetensors")
    changed = {n: t + 1 if "classifier" in n else t for n, t in tensors.items()}
    save_file(changed, directory / "adapter_model.safetensors")
    return directory


def test_a_directory_that_holds_something_is_told_before_anything_is_read(verilora, tmp_path):
    (tmp_path / "mine").write_text("x")
    found = verilora("combine", tmp_path / "none", "--out", tmp_path)
    assert found.status == 1
    assert "is not empty" in found.err
    assert "--force" not in found.err
