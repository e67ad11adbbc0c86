"""The peer library as an oracle: the same A and B in both give the same outputs and weights."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import peft
import pytest
import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from verilora.lora import attach, merge
from verilora.lora.attachment import updates_of
from verilora.records.adapter import LoraConfig

IDS = torch.tensor([[1, 4, 0], [2, 2, 4]])
LAYERS: dict[str, tuple[Callable[[], nn.Module], Tensor]] = {
    "linear": (lambda: nn.Linear(6, 5), torch.randn(3, 2, 6)),
    "gpt2": (lambda: Conv1D(5, 6), torch.randn(3, 2, 6)),
    "embedding": (lambda: nn.Embedding(5, 6), IDS),
    "convolution": (lambda: nn.Conv2d(4, 6, 3, padding=1, stride=2), torch.randn(2, 4, 5, 5)),
    "convolution1": (lambda: nn.Conv1d(4, 6, 3), torch.randn(2, 4, 7)),
}


def theirs(model: nn.Module, **config: Any) -> nn.Module:
    return peft.get_peft_model(copy.deepcopy(model), peft.LoraConfig(r=2, lora_alpha=6, **config))


def copied(own: nn.Module, other: nn.Module) -> None:
    """Puts our A and B into the peer's module."""
    update = updates_of(own, "0")["weight"]
    layer = other.base_model.model[0]
    with torch.no_grad():
        if hasattr(layer, "lora_embedding_A") and len(layer.lora_embedding_A):
            layer.lora_embedding_A["default"].copy_(update.A)
            layer.lora_embedding_B["default"].copy_(update.B)
        else:
            for name, factor in (("lora_A", update.A), ("lora_B", update.B)):
                weight = getattr(layer, name)["default"].weight
                weight.copy_(factor.view(weight.shape))


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("scale_rule", ["lora", "rslora"])
def test_layers(name: str, scale_rule: str, train: Callable[..., nn.Module]) -> None:
    make, x = LAYERS[name]
    base = nn.Sequential(make())
    turned = {"fan_in_fan_out": True} if name == "gpt2" else {}
    other = theirs(base, target_modules=["0"], use_rslora=scale_rule == "rslora", **turned).eval()
    config = LoraConfig(rank=2, alpha=6, target_modules=["0"], scale_rule=scale_rule)
    own = train(attach(base, config)).eval()
    copied(own, other)
    torch.testing.assert_close(own(x), other(x), rtol=1e-5, atol=1e-6)
    other.merge_adapter()
    merge(own)
    torch.testing.assert_close(own[0].weight, other.base_model.model[0].base_layer.weight)


def test_gradients(train: Callable[..., nn.Module]) -> None:
    base, x = nn.Sequential(nn.Linear(6, 5)), torch.randn(3, 6)
    other = theirs(base, target_modules=["0"])
    own = train(attach(base, LoraConfig(rank=2, alpha=6, target_modules=["0"])))
    copied(own, other)
    for model in (own, other):
        model(x).square().sum().backward()
    layer, update = other.base_model.model[0], updates_of(own, "0")["weight"]
    torch.testing.assert_close(update.A.grad, layer.lora_A["default"].weight.grad)
    torch.testing.assert_close(update.B.grad, layer.lora_B["default"].weight.grad)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # the peer's
@pytest.mark.parametrize("parameter", ["gate_up_proj", "down_proj"])
def test_experts(
    parameter: str, build: Callable[..., Any], train: Callable[..., Any], answer: Callable[..., Any]
) -> None:
    model, batch = build("mixtral")
    wanted = f"experts.{parameter}"
    other = theirs(model, target_modules=[], target_parameters=[wanted]).eval()
    own = attach(model, LoraConfig(2, 6, target_modules=(), target_parameters=(wanted,)))
    train(own)
    for path in (f"model.layers.{i}.mlp.experts" for i in (0, 1)):
        update = updates_of(own, path)[parameter]
        layer = other.base_model.model.get_submodule(path)
        with torch.no_grad():  # the peer's A is expert-major, its B rank-major
            layer.lora_A["default"].weight.copy_(update.A.flatten(0, 1))
            layer.lora_B["default"].weight.copy_(update.B.permute(1, 2, 0).flatten(1))
    torch.testing.assert_close(answer(own, batch), answer(other, batch), rtol=1e-4, atol=1e-6)
    assert (answer(own, batch) - answer(build("mixtral")[0], batch)).abs().max() > 1e-3
