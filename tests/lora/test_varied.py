"""DoRA and starts with a residual base, against peft on the same numbers."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import peft
import pytest
import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from verilora.lora import attach, merge, unmerge
from verilora.lora.attachment import updates_of
from verilora.lora.layers import WeightAdapted
from verilora.lora.update import LowRankUpdate
from verilora.records.adapter import LoraConfig

IDS = torch.tensor([[1, 4, 0], [2, 2, 4]])
LAYERS: dict[str, tuple[Callable[[], nn.Module], Tensor]] = {
    "linear": (lambda: nn.Linear(6, 5), torch.randn(3, 2, 6)),
    "without bias": (lambda: nn.Linear(6, 5, bias=False), torch.randn(3, 6)),
    "gpt2": (lambda: Conv1D(5, 6), torch.randn(3, 2, 6)),
    "embedding": (lambda: nn.Embedding(5, 6, padding_idx=0), IDS),
    "convolution1": (lambda: nn.Conv1d(4, 6, 3), torch.randn(2, 4, 7)),
    "convolution2": (lambda: nn.Conv2d(4, 6, 3, padding=1, stride=2), torch.randn(2, 4, 5, 5)),
    "convolution3": (lambda: nn.Conv3d(4, 6, 2, bias=False), torch.randn(2, 4, 3, 4, 3)),
}


class Scaled(nn.Linear):
    """A Linear with a forward of its own, which is adapted as a weight."""

    def forward(self, input: Tensor) -> Tensor:
        return 2 * super().forward(input)


def update_on(model: nn.Module) -> LowRankUpdate:
    update = updates_of(model, "0")["weight"]
    assert isinstance(update, LowRankUpdate)
    return update


def parameters_of(layer: Any) -> dict[str, nn.Parameter]:
    """The peer's A, B and magnitude."""
    found = {"magnitude": layer.lora_magnitude_vector["default"].weight}
    if len(layer.lora_embedding_A):
        return {
            "A": layer.lora_embedding_A["default"],
            "B": layer.lora_embedding_B["default"],
            **found,
        }
    return {"A": layer.lora_A["default"].weight, "B": layer.lora_B["default"].weight, **found}


def pair(name: str, *, init: str = "kaiming", dropout: float = 0.0) -> tuple[nn.Module, nn.Module]:
    """Ours and the peer's, with DoRA and the same numbers, away from the start."""
    torch.manual_seed(3)
    base = nn.Sequential(LAYERS[name][0]())
    config = LoraConfig(
        2, 6, dropout, target_modules=("0",), weight_rule="dora", init=init, scale_rule="rslora"
    )
    other = copy.deepcopy(base)
    own = attach(base, config)
    update = update_on(own)
    if init != "kaiming":  # what the peer does: the base itself becomes the residual
        layer: Any = other[0]  # type: ignore[index]
        layer.weight.data -= update.dense_pair(start=True)
    theirs = peft.get_peft_model(
        other,
        peft.LoraConfig(
            r=2, lora_alpha=6, lora_dropout=dropout, target_modules=["0"], use_dora=True,
            use_rslora=True, fan_in_fan_out=name == "gpt2",
        ),
    )  # fmt: skip
    if init != "kaiming":
        copied(own, theirs)
    with torch.no_grad():
        for parameter in (update.A, update.B, update.magnitude):
            parameter.add_(torch.randn(parameter.shape) * 0.2)
    copied(own, theirs)
    return own, theirs


def copied(own: nn.Module, theirs: Any) -> None:
    update = update_on(own)
    with torch.no_grad():
        for name, parameter in parameters_of(theirs.base_model.model[0]).items():
            parameter.copy_(getattr(update, name).view(parameter.shape))


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("init", ["kaiming", "pissa", "olora"])
@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_forward_and_gradients_are_the_peers(name: str, init: str, dropout: float) -> None:
    own, theirs = pair(name, init=init, dropout=dropout)
    x = LAYERS[name][1]
    outputs = []
    for model in (own, theirs):
        torch.manual_seed(11)
        outputs.append(model.train()(x))
        outputs[-1].square().sum().backward()
    torch.testing.assert_close(*outputs, rtol=1e-5, atol=1e-5)
    update = update_on(own)
    for kind, parameter in parameters_of(theirs.base_model.model[0]).items():
        assert parameter.grad is not None
        found = getattr(update, kind).grad
        assert found.abs().max() > 1e-3, kind
        torch.testing.assert_close(
            found.view(parameter.shape), parameter.grad, rtol=1e-4, atol=1e-4
        )


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("init", ["kaiming", "pissa"])
def test_merging_gives_the_peers_weight_and_unmerging_the_bits(name: str, init: str) -> None:
    own, theirs = pair(name, init=init)
    layer: Any = own[0]  # type: ignore[index]
    before, x = layer.weight.clone(), LAYERS[name][1]
    output = own.eval()(x)
    merge(own, probe=x)
    theirs.merge_adapter()
    merged = theirs.base_model.model[0].base_layer.weight
    torch.testing.assert_close(layer.weight, merged, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(own(x), output, rtol=1e-5, atol=1e-5)
    unmerge(own)
    assert torch.equal(layer.weight, before)
    assert torch.equal(own(x), output)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("init", ["kaiming", "pissa", "olora"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_nothing_changes_at_the_start(name: str, init: str, dtype: torch.dtype) -> None:
    base, x = nn.Sequential(LAYERS[name][0]()).to(dtype).eval(), LAYERS[name][1]
    x = x.to(dtype) if x.is_floating_point() else x
    with torch.no_grad():
        before = base(x)
        own = attach(base, LoraConfig(2, 6, target_modules=("0",), weight_rule="dora", init=init))
        assert torch.equal(own(x), before)
        layer: Any = own[0]  # type: ignore[index]
        weight = layer.weight.clone()
        merge(own)
        assert torch.equal(layer.weight, weight)


def test_the_weight_way_means_the_same(train: Callable[..., nn.Module]) -> None:
    torch.manual_seed(0)
    plain, scaled = nn.Sequential(nn.Linear(6, 5)), nn.Sequential(Scaled(6, 5))
    scaled.load_state_dict(plain.state_dict())
    config = LoraConfig(2, 6, target_modules=("0",), weight_rule="dora", init="pissa")
    x, found = torch.randn(3, 6), []
    for model, factor in ((plain, 1), (scaled, 2)):
        train(attach(model, config))
        output = model(x) / factor
        output.square().sum().backward()
        update = update_on(model)
        gradients = [p.grad for p in (update.A, update.B, update.magnitude)]
        found.append([output, *gradients])
    assert isinstance(scaled[0], WeightAdapted)
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_parts_of_a_fused_projection_rescale_their_own_rows(
    train: Callable[..., nn.Module],
) -> None:
    torch.manual_seed(0)
    base = nn.Sequential(nn.Linear(6, 9))
    config = LoraConfig(
        2,
        6,
        target_modules=("0",),
        fused={"0": ("q", "v")},
        fused_sizes={"0": {"q": 3, "k": 3, "v": 3}},
        weight_rule="dora",
        init="pissa",
    )
    x = torch.randn(4, 6)
    before = base(x)
    own = train(attach(base, config)).eval()
    output = own(x)
    assert torch.equal(output[:, 3:6], before[:, 3:6])
    assert not torch.isclose(output[:, [0, 8]], before[:, [0, 8]]).any()
    merge(own, probe=x)
    torch.testing.assert_close(own(x), output, rtol=1e-5, atol=1e-6)


def test_a_row_of_zeros_gives_no_nan_and_can_be_trained() -> None:
    layer = nn.Linear(6, 5)
    with torch.no_grad():
        layer.weight[2] = 0
    own = attach(nn.Sequential(layer), LoraConfig(2, 6, target_modules=("0",), weight_rule="dora"))
    own(torch.ones(1, 6)).sum().backward()
    gradient = update_on(own).B.grad
    assert gradient is not None
    assert bool(gradient.isfinite().all())
    assert bool(gradient[2].any())


def test_a_residual_start_sees_the_base_without_dropout() -> None:
    base, x = nn.Sequential(nn.Linear(6, 5)), torch.randn(64, 6)
    own = attach(base, LoraConfig(2, 6, 0.5, target_modules=("0",), init="pissa")).train()
    update, residual = update_on(own), copy.deepcopy(base)
    torch.manual_seed(5)
    found = own(x)
    torch.manual_seed(5)
    dropped = nn.functional.dropout(x, 0.5)
    layer: Any = residual[0]
    weight = layer._parameters["weight"] - update.dense() - update.dense_pair(start=True)
    wanted = nn.functional.linear(x, weight, layer.bias) + dropped @ update.dense_pair().T
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("choice", [{"init": "pissa"}, {"weight_rule": "dora"}])
@pytest.mark.parametrize("name", ["linear", "embedding", "convolution1"])
def test_is_one_graph_for_the_compiler(
    name: str, choice: dict[str, Any], train: Callable[..., nn.Module]
) -> None:
    torch.manual_seed(0)
    base, x = nn.Sequential(LAYERS[name][0]()), LAYERS[name][1]
    own = train(attach(base, LoraConfig(2, 6, target_modules=("0",), **choice))).eval()
    compiled = torch.compile(own, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), own(x))


@pytest.mark.parametrize("choice", [{"init": "pissa"}, {"weight_rule": "dora"}])
def test_autocast_is_followed(choice: dict[str, Any], train: Callable[..., nn.Module]) -> None:
    torch.manual_seed(0)
    own = train(
        attach(nn.Sequential(nn.Linear(6, 5)), LoraConfig(2, 6, target_modules=("0",), **choice))
    )
    x = torch.randn(3, 6)
    with torch.autocast("cpu", torch.bfloat16):
        low = own(x)
    assert low.dtype == torch.bfloat16
    torch.testing.assert_close(low.float(), own(x), rtol=0.05, atol=0.05)
