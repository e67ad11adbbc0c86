"""save_adapter: what is written, what is refused, and that nothing is half done."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from verilora import LoraConfig, attach, save_adapter
from verilora.errors import AdapterFileError, OutputError, StateError

Saved = Callable[..., tuple[nn.Module, Path]]
Randomise = Callable[..., nn.Module]
FOUR = {"README.md", "adapter_config.json", "adapter_model.safetensors", "verilora.json"}


@pytest.fixture
def model(tiny: SimpleNamespace, randomise: Randomise) -> nn.Module:
    config = LoraConfig(rank=2, target_modules=["0"], modules_to_save=["2"])
    return randomise(attach(tiny.linears(), config))


def test_four_files_and_peft_s_names(model: nn.Module, tmp_path: Path) -> None:
    save_adapter(model, str(tmp_path / "new" / "adapter"))
    directory = tmp_path / "new" / "adapter"
    assert {path.name for path in directory.iterdir()} == FOUR
    tensors = load_file(directory / "adapter_model.safetensors")
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    assert shapes == {
        "base_model.model.0.lora_A.weight": (2, 8),
        "base_model.model.0.lora_B.weight": (12, 2),
        "base_model.model.2.bias": (5,),
        "base_model.model.2.weight": (5, 12),
    }
    assert torch.equal(tensors["base_model.model.0.lora_A.weight"], model[0].lora["weight"].A)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_the_adapter_s_dtype_is_kept(dtype: str, tiny: SimpleNamespace, saved: Saved) -> None:
    _, directory = saved(tiny.linears(), rank=2, target_modules=["0"], dtype=dtype)
    tensors = load_file(directory / "adapter_model.safetensors")
    assert {tensor.dtype for tensor in tensors.values()} == {getattr(torch, dtype)}


def test_nothing_attached(tiny: SimpleNamespace, tmp_path: Path) -> None:
    with pytest.raises(StateError, match="no adapter attached"):
        save_adapter(tiny.linears(), tmp_path / "adapter")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("place", ["factor", "whole"])
def test_values_that_are_not_finite(
    value: float, place: str, model: nn.Module, tmp_path: Path
) -> None:
    tensor = model[0].lora["weight"].B if place == "factor" else model[2].bias
    with torch.no_grad():
        tensor[0] = value
    with pytest.raises(AdapterFileError, match=r"values that are NaN or infinite(.|\n)*lower"):
        save_adapter(model, tmp_path / "adapter")
    assert list(tmp_path.iterdir()) == []


def test_an_adapter_without_values(tmp_path: Path) -> None:
    with torch.device("meta"):
        model = nn.Sequential(nn.Linear(4, 4))
    attach(model, LoraConfig(rank=2, target_modules=["0"]))
    with pytest.raises(StateError, match="on the meta device and has no values"):
        save_adapter(model, tmp_path / "adapter")


def test_an_adapter_in_shards(model: nn.Module, tmp_path: Path) -> None:
    model[0].lora["weight"].B.data = torch.zeros(0)
    with pytest.raises(StateError, match="gather what is sharded first"):
        save_adapter(model, tmp_path / "adapter")


def _with_statistics() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 4))


def test_running_statistics_that_would_be_lost(tmp_path: Path) -> None:
    model = attach(_with_statistics(), LoraConfig(rank=2, target_modules=["0"])).train()
    save_adapter(model, tmp_path / "before")
    model(torch.randn(8, 4, generator=torch.Generator().manual_seed(0)))
    with pytest.raises(StateError) as caught:
        save_adapter(model, tmp_path / "after")
    assert "the running statistics of 1 modules have changed" in str(caught.value)
    assert "'1'; put these modules into modules_to_save, or keep them in eval" in str(caught.value)
    assert caught.value.facts["modules"] == ("1",)


def test_running_statistics_that_are_saved(tmp_path: Path) -> None:
    config = LoraConfig(rank=2, target_modules=["0"], modules_to_save=["1"])
    model = attach(_with_statistics(), config).train()
    model(torch.randn(8, 4, generator=torch.Generator().manual_seed(0)))
    save_adapter(model, tmp_path / "adapter")
    tensors = load_file(tmp_path / "adapter" / "adapter_model.safetensors")
    assert torch.equal(tensors["base_model.model.1.running_mean"], model[1].running_mean)
    assert tensors["base_model.model.1.num_batches_tracked"] == 1


def test_an_occupied_directory(model: nn.Module, tmp_path: Path) -> None:
    directory = tmp_path / "adapter"
    save_adapter(model, directory)
    before = (directory / "adapter_model.safetensors").read_bytes()
    with torch.no_grad():
        model[0].lora["weight"].A += 1
    with pytest.raises(OutputError, match="overwrite=True"):
        save_adapter(model, directory)
    assert (directory / "adapter_model.safetensors").read_bytes() == before
    save_adapter(model, directory, overwrite=True)
    assert (directory / "adapter_model.safetensors").read_bytes() != before
    assert {path.name for path in directory.iterdir()} == FOUR
    (tmp_path / "empty").mkdir()
    save_adapter(model, tmp_path / "empty")


def test_only_an_adapter_is_overwritten(model: nn.Module, tmp_path: Path) -> None:
    directory = tmp_path / "adapter"
    save_adapter(model, directory)
    (directory / "notes.txt").write_text("mine", "utf-8")
    with pytest.raises(OutputError, match=r"'notes\.txt', which is no part of an adapter"):
        save_adapter(model, directory, overwrite=True)
    assert (directory / "notes.txt").read_text("utf-8") == "mine"
    other = tmp_path / "other"
    other.mkdir()
    (other / "README.md").write_text("mine", "utf-8")
    with pytest.raises(OutputError, match="holds no adapter"):
        save_adapter(model, other, overwrite=True)
    assert (other / "README.md").read_text("utf-8") == "mine"


def test_a_write_that_fails_leaves_the_old_adapter(
    model: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "adapter"
    save_adapter(model, directory)
    before = {path.name: path.read_bytes() for path in directory.iterdir()}

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("verilora.atomic.os.fsync", fail)
    with pytest.raises(OutputError, match="No space left"):
        save_adapter(model, directory, overwrite=True)
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["adapter"]


@pytest.mark.parametrize(
    "results", [{"a": float("nan")}, {"a": {1}}, {"a": "\ud800"}, {"a": torch.zeros(1)}]
)
def test_results_that_are_no_json(results: Any, model: nn.Module, tmp_path: Path) -> None:
    with pytest.raises(AdapterFileError, match="results cannot be written as JSON"):
        save_adapter(model, tmp_path / "adapter", results)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["CONFIG", "SIDECAR"])
def test_nothing_is_written_that_could_not_be_read(
    name: str, model: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"verilora.lora.formats.peft.write.LARGEST_{name}", 100)
    with pytest.raises(AdapterFileError, match="bytes, and at most 100 are read"):
        save_adapter(model, tmp_path / "adapter")
    assert list(tmp_path.iterdir()) == []


def test_results_and_the_untrained_mark(tiny: SimpleNamespace, tmp_path: Path) -> None:
    model = attach(tiny.linears(), LoraConfig(rank=2, target_modules=["0"]))
    save_adapter(model, tmp_path / "zero")
    with torch.no_grad():
        model[0].lora["weight"].B[3, 1] = 1e-3
    save_adapter(model, tmp_path / "moved", {"accuracy": 1})
    found = [json.loads((tmp_path / n / "verilora.json").read_text()) for n in ("zero", "moved")]
    assert [document["trained"] for document in found] == [False, True]
    assert [document["results"] for document in found] == [{}, {"accuracy": 1}]
