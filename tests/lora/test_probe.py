"""Answers to a probe are compared value by value, and nothing else is changed by asking."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from verilora.errors import MergeError
from verilora.lora.probe import answer, difference

INF, NAN = float("inf"), float("nan")


class Answers(nn.Module):
    """Gives what it is told to."""

    def __init__(self, output: Any) -> None:
        super().__init__()
        self.output = output

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.output if self.output is not None else (args, kwargs)


X = torch.ones(2, 3)


@pytest.mark.parametrize("probe", [X, (X,), [X], {"input": X}])
def test_a_batch_may_have_three_forms(probe: Any) -> None:
    layer = nn.Linear(3, 2)
    (found,) = answer(layer, probe)
    assert found.dtype == torch.float64 and not found.requires_grad
    assert torch.equal(found, layer(X).double())


def test_every_floating_tensor_counts_and_scalars_only_alone() -> None:
    loss, ids = torch.tensor(0.5), torch.tensor([1])
    output = {"loss": loss, "logits": X, "more": (X * 2, [X * 3]), "ids": ids, "none": None}
    assert [t.max().item() for t in answer(Answers(output), X)] == [1, 2, 3]
    assert [t.item() for t in answer(Answers({"loss": loss}), X)] == [0.5]


@pytest.mark.parametrize(
    ("output", "told"),
    [
        (torch.tensor([1]), "holds no floating-point tensor"),
        ({}, "holds no floating-point tensor"),
        (X * NAN, "holds no finite number"),
    ],
)
def test_what_cannot_be_compared(output: Any, told: str) -> None:
    with pytest.raises(MergeError, match=told):
        answer(Answers(output), X)


def test_a_probe_that_does_not_fit() -> None:
    with pytest.raises(
        MergeError, match=r"cannot answer the probe \(RuntimeError: .*dict, a tuple"
    ):
        answer(nn.Linear(3, 2), torch.ones(2, 4))
    with pytest.raises(MergeError, match=r"cannot answer the probe \(TypeError"):
        answer(nn.Linear(3, 2), {"inputs": X})


def test_modes_and_random_states_stay() -> None:
    model = nn.Sequential(nn.Dropout(), nn.BatchNorm1d(3), nn.Linear(3, 2))
    model[1].eval()
    before, mean = torch.get_rng_state(), model[1].running_mean.clone()
    noisy = nn.Sequential(model, Noise())
    answer(noisy, X)
    assert [module.training for module in model] == [True, False, True]
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(model[1].running_mean, mean)
    with pytest.raises(MergeError):
        answer(noisy, "wrong")
    assert model.training


class Noise(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + torch.randn_like(x)


def test_a_model_that_draws_answers_twice_alike() -> None:
    assert torch.equal(answer(Noise(), X)[0], answer(Noise(), X)[0])


def told(*values: float) -> list[Tensor]:
    return [torch.tensor(values, dtype=torch.float64)]


def test_differences_are_shares_of_the_greatest_answer() -> None:
    assert difference(told(2, -4), told(2, -4)) == 0
    assert difference(told(2, -4), told(3, -4)) == 0.25
    assert difference(told(0, 0), told(0, 0.5)) == 0.5
    assert difference(told(INF, -INF, 2, NAN), told(INF, -INF, 1, NAN)) == 0.5
    assert difference(told(1), told(INF)) == INF
    assert not difference(told(1), told(NAN)) <= 1
    assert difference(told(1), told(1, 2)) == INF
    assert difference(told(1) + told(100), told(1.5) + told(100)) == 0.5
    assert difference(told(), told()) == 0
