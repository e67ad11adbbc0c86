"""Values land in the model, or the model is as it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from verilora import LoraConfig, adapter_parameters, attach
from verilora.lora.formats.peft import fill
from verilora.lora.formats.peft.fill import attach_filled, fill_attached
from verilora.lora.formats.peft.inventory import attached_inventory, planned_inventory
from verilora.lora.formats.peft.values import Values

Saved = Callable[..., tuple[nn.Module, Path]]
CONFIG: dict[str, Any] = {"rank": 2, "modules_to_save": ["classifier"]}


@pytest.fixture
def source(tiny: SimpleNamespace, saved: Saved) -> tuple[nn.Module, dict[str, Tensor]]:
    model, directory = saved(tiny.roberta(), **CONFIG)
    return model, load_file(directory / "adapter_model.safetensors")


def _same(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().items(), other.state_dict().items(), strict=True)
    return all(n == m and torch.equal(a, b) for (n, a), (m, b) in pairs)


def _no_whole(model: nn.Module, whole: Any) -> None:
    raise MemoryError("no room")


def test_attaching(source: Any, tiny: SimpleNamespace) -> None:
    original, tensors = source
    model = tiny.roberta()
    inventory = planned_inventory(model, LoraConfig(**CONFIG))
    attach_filled(model, Values(model, inventory, tensors=tensors))
    assert _same(model, original)


def test_attaching_that_fails(
    source: Any, tiny: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny.roberta()
    inventory = planned_inventory(model, LoraConfig(**CONFIG))
    values = Values(model, inventory, tensors=source[1])
    monkeypatch.setattr(fill, "_fill_whole", _no_whole)
    with pytest.raises(MemoryError):
        attach_filled(model, values)
    assert _same(model, tiny.roberta())
    assert all(type(module).__name__[:4] != "Lora" for module in model.modules())


def test_filling_keeps_the_parameters_themselves(source: Any, tiny: SimpleNamespace) -> None:
    original, tensors = source
    model = attach(tiny.roberta(), LoraConfig(**CONFIG))
    held = list(adapter_parameters(model))
    fill_attached(model, Values(model, attached_inventory(model), tensors=tensors))
    assert _same(model, original)
    assert all(a is b for a, b in zip(held, adapter_parameters(model), strict=True))


def test_filling_that_fails(
    source: Any, tiny: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, before = (attach(tiny.roberta(), LoraConfig(**CONFIG)) for _ in range(2))
    values = Values(model, attached_inventory(model), tensors=source[1])
    real = fill._fill_whole

    def once(model: nn.Module, whole: Any) -> None:
        monkeypatch.setattr(fill, "_fill_whole", real)
        raise MemoryError("no room")

    monkeypatch.setattr(fill, "_fill_whole", once)
    with pytest.raises(MemoryError):
        fill_attached(model, values)
    assert _same(model, before)


def test_a_factor_keeps_the_file_s_dtype(source: Any, tiny: SimpleNamespace) -> None:
    halves = {n: t.to(torch.bfloat16) if "lora_" in n else t for n, t in source[1].items()}
    model = attach(tiny.roberta(), LoraConfig(**CONFIG))
    fill_attached(model, Values(model, attached_inventory(model), tensors=halves))
    first, *_ = adapter_parameters(model)
    assert first.dtype == torch.bfloat16
    assert first.requires_grad
