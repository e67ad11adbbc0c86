"""Layers that are adapted as a weight: whoever reads the weight, the adapter is in it."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from verilora.errors import LayerError
from verilora.lora import attach, detach, explain, merge
from verilora.lora.attachment import updates_of
from verilora.records.adapter import LoraConfig

Train = Callable[..., nn.Module]


class Scaled(nn.Embedding):
    """As Gemma's: what is looked up is multiplied."""

    def forward(self, ids: Tensor) -> Tensor:
        return super().forward(ids) * 3


class Cosine(nn.Linear):
    """Computes with its weight in its own way."""

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, F.normalize(self.weight, dim=1), self.bias)


class Standardised(nn.Conv2d):
    """Changes its kernel in the method that every convolution's forward calls."""

    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return super()._conv_forward(x, weight - weight.mean(), bias)


class Reader(nn.Module):
    """Reads its child's weight without calling it."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.inner.weight.square()


class Experts(nn.Module):
    """A loop over a stack of matrices, as in Mixtral."""

    def __init__(self, turned: bool = False) -> None:
        super().__init__()
        self.up = nn.Parameter(torch.randn(4, 6, 5) if turned else torch.randn(4, 5, 6))
        self.is_transposed = turned

    def forward(self, x: Tensor) -> Tensor:
        kept = [self.up[i].T if self.is_transposed else self.up[i] for i in range(len(self.up))]
        return torch.stack([F.linear(x, one) for one in kept])


def hooked() -> nn.Module:
    """A layer whose forward somebody replaced on the object, as accelerate does."""
    layer = nn.Linear(6, 6)
    before = layer.forward
    layer.forward = lambda x: before(x) * 2  # type: ignore[method-assign]
    return layer


X, IDS = torch.randn(3, 6), torch.tensor([0, 2, 4])
CASES: dict[str, tuple[Callable[[], nn.Module], dict[str, Any], str, str, Tensor]] = {
    "scaled": (lambda: Scaled(5, 6), {"target_modules": ["m"]}, "m", "weight", IDS),
    "cosine": (lambda: Cosine(6, 6), {"target_modules": ["m"]}, "m", "weight", X),
    "standardised": (
        lambda: Standardised(3, 4, 2),
        *({"target_modules": ["m"]}, "m", "weight", torch.randn(2, 3, 4, 4)),
    ),
    "read by its parent": (Reader, {"target_modules": ["inner"]}, "m.inner", "weight", X),
    "experts": (Experts, {"target_parameters": ["up"]}, "m", "up", X),
    "turned": (lambda: Experts(True), {"target_parameters": ["m.up"]}, "m", "up", X),
    "hooked": (hooked, {"target_modules": ["m"]}, "m", "weight", X),
    "bare": (lambda: nn.Linear(6, 6), {"target_parameters": ["weight"]}, "m", "weight", X),
}


def adapted(name: str, **more: Any) -> tuple[nn.Module, str, str, Tensor]:
    make, config, path, parameter, x = CASES[name]
    model = nn.ModuleDict({"m": make()})
    attach(model, LoraConfig(rank=2, **{"target_modules": (), **config, **more}))
    return model, path, parameter, x


@pytest.mark.parametrize("name", CASES)
def test_it_computes_with_the_sum(name: str, train: Train) -> None:
    model, path, parameter, x = adapted(name)
    fresh = model["m"](x)
    train(model)
    delta = updates_of(model, path)[parameter].dense().detach()
    assert explain(model)[0].way == "weight"
    found = model["m"](x)
    found.sum().backward()
    assert all(
        p.grad is not None and p.grad.abs().sum() > 0 for p in updates_of(model, path).parameters()
    )
    detach(model)
    assert torch.equal(model["m"](x), fresh)
    model.get_submodule(path)._parameters[parameter].data += delta
    torch.testing.assert_close(model["m"](x), found, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", [n for n in CASES if n != "hooked"])
def test_copies_compute_the_same(name: str, train: Train) -> None:
    model, _, _, x = adapted(name)
    train(model)
    for other in (
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
    ):  # allowed: our own bytes
        assert torch.equal(other["m"](x), model["m"](x))
        assert torch.equal(detach(other)["m"](x), detach(copy.deepcopy(model))["m"](x))


@pytest.mark.parametrize("name", CASES)
def test_merged_computes_the_same(name: str, train: Train) -> None:
    model, _, _, x = adapted(name)
    train(model).eval()
    before = model["m"](x).detach()
    merge(model)
    torch.testing.assert_close(model["m"](x), before, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", [name for name in CASES if name != "scaled"])
def test_dropout_has_no_place_here(name: str) -> None:
    with pytest.raises(LayerError, match="dropout of the input has no place; set dropout=0"):
        adapted(name, dropout=0.1)


def test_an_embedding_has_no_input_to_drop_from(train: Train) -> None:
    model, _, _, x = adapted("scaled", dropout=0.5)
    train(model).train()
    assert torch.equal(model["m"](x), model["m"](x))


def test_a_loop_over_experts_makes_the_stack_once(train: Train, monkeypatch: Any) -> None:
    model, path, _, x = adapted("experts")
    train(model)
    update = updates_of(model, path)["up"]
    made = []
    dense = type(update).dense
    monkeypatch.setattr(type(update), "dense", lambda *args: made.append(1) or dense(*args))
    model["m"](x)
    assert len(made) == 1
    assert updates_of(model, path).seen is None
    with pytest.raises(RuntimeError):
        model["m"](torch.randn(3, 7))
    assert updates_of(model, path).seen is None


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_pytorchs_attention(mode: str, train: Train) -> None:
    model = nn.ModuleDict({"m": nn.MultiheadAttention(8, 2, batch_first=True)})
    x = torch.randn(2, 3, 8)
    config = LoraConfig(
        rank=2, target_modules=["out_proj"], target_parameters=["in_proj_weight"], init="gaussian"
    )
    attach(model, config)
    getattr(train(model), mode)()
    assert [layer.way for layer in explain(model)] == ["weight", "weight"]
    with torch.no_grad():
        carried = model["m"](x, x, x, need_weights=False)[0]
    with torch.enable_grad():
        slow = model["m"](x, x, x)[0]
    torch.testing.assert_close(carried, slow, rtol=1e-5, atol=1e-6)
    slow.sum().backward()
    assert model["m"].lora["in_proj_weight"].B.grad.abs().sum() > 0
    base = detach(model)["m"](x, x, x)[0]
    assert (base - carried).abs().max() > 1e-3


def test_pytorchs_fast_path_reads_the_adapter_too(train: Train) -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dropout=0.0)
    model = nn.TransformerEncoder(layer, 2).eval()
    x = torch.randn(2, 3, 8)
    with torch.no_grad():
        base = model(x)
        attach(model, LoraConfig(rank=2, target_modules=["linear1", "linear2", "out_proj"]))
        torch.testing.assert_close(model(x), base, rtol=0, atol=0)
        fast = train(model)(x)
    slow = model(x)
    assert slow.requires_grad and not fast.requires_grad
    torch.testing.assert_close(fast, slow, rtol=1e-5, atol=1e-5)
    assert (fast - base).abs().max() > 1e-2
    merge(model, x)
    torch.testing.assert_close(model(x), slow, rtol=1e-4, atol=1e-5)
