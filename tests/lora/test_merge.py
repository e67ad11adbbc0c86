"""merge is exact to one rounding, proves itself, and is undone to the bit."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from verilora.errors import MergeError, StateError
from verilora.lora import adapter_parameters, attach, detach, merge, unmerge
from verilora.lora.attachment import is_merged, updates_of
from verilora.records.adapter import LoraConfig

Train = Callable[..., nn.Module]
State = Callable[[nn.Module], Any]
DTYPES = [torch.float32, torch.bfloat16, torch.float16, torch.float64]


class Own(nn.Linear):
    """Adapted as a weight."""

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight.T


def net(dtype: torch.dtype = torch.float32) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 8), nn.Tanh(), Own(8, 8), nn.Linear(8, 2)).to(dtype).eval()


def config(**fields: Any) -> LoraConfig:
    return LoraConfig(2, **{"target_modules": ["0", "2"], **fields})


X = torch.linspace(-1, 1, 24).view(3, 8)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_sum_is_rounded_once(dtype: torch.dtype, train: Train) -> None:
    model = train(attach(net(dtype), config()))
    base, update = model[0].weight.detach().clone(), updates_of(model, "0")["weight"]
    wide = torch.promote_types(dtype, torch.float32)
    merge(model)
    assert torch.equal(model[0].weight, (base.to(wide) + update.dense(wide)).to(dtype))
    assert model[0].weight.dtype == dtype


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_base_comes_back_after_many_cycles(
    dtype: torch.dtype, train: Train, state: State
) -> None:
    model = train(attach(net(dtype), config()), 1.0)
    before = state(model)
    for _ in range(50):
        merge(model)
        assert state(model)["bits"]["0.weight"] != before["bits"]["0.weight"]
        unmerge(model)
    assert state(model) == before


@pytest.mark.parametrize("dtype", DTYPES)
def test_merged_answers_as_unmerged(dtype: torch.dtype, train: Train) -> None:
    model = train(attach(net(dtype), config()))
    probe = X.to(dtype)
    unmerged = model(probe)
    report = merge(model, probe)
    assert report.probe_difference is not None
    assert 0 <= report.probe_difference <= 4 * torch.finfo(dtype).eps + 1e-12
    torch.testing.assert_close(model(probe), unmerged, rtol=0.05, atol=0.05)


def test_large_weights_are_merged_in_pieces(train: Train, monkeypatch: Any) -> None:
    model = train(attach(net(), config()))
    merge(model)
    whole = model[0].weight.detach().clone()
    unmerge(model)
    monkeypatch.setattr(sys.modules["verilora.lora.merge"], "PIECE", 17)
    merge(model)
    torch.testing.assert_close(model[0].weight, whole, rtol=1e-6, atol=1e-7)


def test_the_report(train: Train) -> None:
    model = train(attach(net(torch.bfloat16), config()))
    base, update = model[0].weight.detach().double(), updates_of(model, "0")["weight"]
    delta = update.dense().detach().double()
    report = merge(model, X.bfloat16())
    first = report.weights[0]
    assert [weight.name for weight in report.weights] == ["0.weight", "2.weight"]
    assert first.dtype == "bfloat16"
    assert first.update_norm == pytest.approx(delta.norm().item(), rel=1e-6)
    error = (model[0].weight.detach().double() - (base + delta)).norm().item()
    assert first.rounding_error == pytest.approx(error, rel=1e-6) and error > 0
    assert first.lost == pytest.approx(error / delta.norm().item(), rel=1e-6)
    data = json.loads(json.dumps(report.to_mapping()))
    assert data["tolerance"] == 0.1 and data["weights"][0]["lost"] == first.lost
    lines = str(report).splitlines()
    assert lines[0].split() == ["weight", "dtype", "update", "rounding", "lost"]
    assert lines[1].startswith("0.weight  bfloat16") and lines[-1].startswith("probe: ")
    assert "probe" not in str(merge(unmerge(model)))


def test_an_adapter_of_zero_merges_to_the_base() -> None:
    model = attach(net(), config())
    report = merge(model)
    assert all(weight.update_norm == weight.lost == 0 for weight in report.weights)


def wrong_state(model: nn.Module, state: State, call: Callable[[], object], told: str) -> None:
    before = state(model)
    with pytest.raises(StateError, match=told):
        call()
    assert state(model) == before


def test_the_wrong_order_is_told(train: Train, state: State) -> None:
    model = train(attach(net(), config()))
    wrong_state(model, state, lambda: unmerge(model), "is not merged; there is nothing to undo")
    merge(model)
    wrong_state(model, state, lambda: merge(model), r"merged already; call unmerge\(model\) first")
    wrong_state(model, state, lambda: attach(model, config()), "has an adapter already")
    assert is_merged(model)


@pytest.mark.parametrize("target", ["0", "2"])
def test_training_while_merged_is_an_error(target: str, train: Train) -> None:
    model = train(attach(net(), config(target_modules=[target], modules_to_save=["3"])))
    merge(model)
    with pytest.raises(
        StateError, match=r"training while merged: .* this (Linear|Own) .* unmerge\(model"
    ):
        model.train()(X)
    with torch.no_grad():
        model(X)
    model.eval()(X)
    unmerge(model).train()(X).sum().backward()
    assert all(p.grad is not None for p in adapter_parameters(model))


PROBES = [
    ("wrong", "cannot answer the probe"),
    (torch.ones(3, 5), "cannot answer the probe"),
    ({"inputs": X}, "cannot answer the probe"),
]


@pytest.mark.parametrize(("probe", "told"), PROBES)
def test_a_probe_that_does_not_fit(probe: Any, told: str, train: Train, state: State) -> None:
    model = train(attach(net(), config()))
    refused(model, state, told, probe=probe)


def refused(model: nn.Module, state: State, told: str, **arguments: Any) -> MergeError:
    before = state(model)
    with pytest.raises(MergeError, match=told) as caught:
        merge(model, **arguments)
    assert state(model) == before
    assert not is_merged(model)
    return caught.value


def test_a_merge_that_answers_otherwise(train: Train, state: State) -> None:
    model = train(attach(net(), config()))
    error = refused(
        model, state, r"by \S+ of the greatest answer, 1e-12 is allowed", probe=X, tolerance=1e-12
    )
    assert error.difference > error.tolerance == 1e-12


class Behind(nn.Module):
    """Uses its layer's weight under another name, where no adapter is seen."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)
        self.hidden = [self.layer._parameters["weight"]]

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.hidden[0].T


def test_an_adapter_that_does_nothing_unmerged_is_found_out(train: Train, state: State) -> None:
    model = train(attach(Behind(), config(target_modules=["layer"])))
    refused(model, state, "answers the probe differently", probe=X)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_merge_that_rounding_swallows(dtype: torch.dtype, train: Train, state: State) -> None:
    model = train(attach(net(dtype), config()), 0.0)
    for update in updates_of(model, "0").updates():
        update.B.data.fill_(1e-7)
    refused(model, state, r"would equal the base although .* all 1 updates are too small for")
    merge(model.float())


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_a_merge_that_is_not_finite(dtype: torch.dtype, train: Train, state: State) -> None:
    model = train(attach(net(dtype), config()))
    last = updates_of(model, "2")["weight"]
    last.B.data.fill_(1e30)
    told = {
        torch.float16: r"2\.weight gives values that float16 cannot hold; merge in float32",
        torch.float32: r"the update of 2\.weight holds values that are not finite",
    }[dtype]
    last.A.data.fill_(1e3 if dtype == torch.float16 else 1e30)
    refused(model, state, told)
    last.A.data.fill_(float("nan"))
    refused(model, state, "holds values that are not finite")
    detach(model)


def test_a_base_that_is_not_finite_is_told_as_such(train: Train, state: State) -> None:
    model = train(attach(net(), config()))
    model[0]._parameters["weight"].data[0, 0] = float("inf")
    refused(model, state, r"the base weight 0\.weight holds values that are not finite")


def test_a_meta_model_has_nothing_to_merge() -> None:
    model = attach(
        nn.Sequential(nn.Linear(4, 4, device="meta")), LoraConfig(2, target_modules=["0"])
    )
    with pytest.raises(MergeError, match="meta device"):
        merge(model)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_a_model_cast_while_merged_is_unmerged_to_the_cast_base(
    dtype: torch.dtype, train: Train
) -> None:
    model = train(attach(net(), config()))
    merge(model)
    model.to(dtype)
    unmerge(model)
    wanted = net().to(dtype).state_dict()
    assert all(torch.equal(model.state_dict()[name], wanted[name]) for name in wanted)
    assert model(X.to(dtype)).dtype == dtype


def test_the_very_memory_comes_back(train: Train) -> None:
    model = train(attach(net(), config()))
    parameter, place = model[0].weight, model[0].weight.data_ptr()
    merge(model)
    assert model[0].weight is parameter and model[0].weight.data_ptr() != place
    unmerge(model)
    assert model[0].weight is parameter and model[0].weight.data_ptr() == place


def test_merging_within_autocast_is_as_exact(train: Train) -> None:
    model = train(attach(net(), config()))
    merge(model)
    wanted = model[0].weight.detach().clone()
    unmerge(model)
    with torch.autocast("cpu", torch.bfloat16):
        merge(model)
    assert torch.equal(model[0].weight, wanted)
