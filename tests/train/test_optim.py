from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

from verilora.records.recipe import TrainingSection
from verilora.train.optim import optimizer, schedule


def factors(steps: int, **training: Any) -> list[float]:
    factor = schedule(TrainingSection(**training), steps)
    return [factor(step) for step in range(steps)]


def test_warm_up_rises_in_equal_steps_to_one() -> None:
    found = factors(10, warmup_ratio=0.3)
    assert found[:4] == pytest.approx([0.25, 0.5, 0.75, 1.0])


def test_linear_falls_in_equal_steps_and_wastes_none() -> None:
    found = factors(10, warmup_ratio=0.0)
    assert found == pytest.approx([1 - step / 10 for step in range(10)])
    assert min(found) > 0


def test_cosine_falls_by_half_a_wave() -> None:
    found = factors(8, schedule="cosine", warmup_ratio=0.0)
    assert found == pytest.approx([(1 + math.cos(math.pi * s / 8)) / 2 for s in range(8)])


def test_constant_stays() -> None:
    assert factors(5, schedule="constant", warmup_ratio=0.2)[1:] == [1.0] * 4


@pytest.mark.parametrize("name", ["linear", "cosine", "constant"])
@pytest.mark.parametrize("steps", [1, 2, 7])
def test_every_factor_is_above_zero_and_at_most_one(name: str, steps: int) -> None:
    assert all(0 < factor <= 1 for factor in factors(steps, schedule=name, warmup_ratio=0.5))


def test_weight_decay_falls_on_matrices_alone() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4))
    made = optimizer(model.parameters(), TrainingSection(weight_decay=0.5))
    decayed = {id(p): g["weight_decay"] for g in made.param_groups for p in g["params"]}
    assert [decayed[id(p)] for p in model.parameters()] == [0.5, 0.0, 0.0, 0.0]


def test_fields_of_the_recipe_reach_the_optimizer() -> None:
    training = TrainingSection(learning_rate=0.3, adam_betas=(0.5, 0.6), adam_epsilon=1e-3)
    made = optimizer(nn.Linear(2, 2).parameters(), training)
    (group, _) = made.param_groups
    assert (group["lr"], group["betas"], group["eps"]) == (0.3, (0.5, 0.6), 1e-3)


def test_the_fused_update_is_adamw() -> None:
    torch.manual_seed(0)
    start, gradient = torch.randn(5, 3), torch.randn(5, 3)
    training = TrainingSection(learning_rate=0.1, weight_decay=0.2)
    results = []
    for make in (optimizer, _plain):
        weight = nn.Parameter(start.clone())
        made = make([weight], training)
        for _ in range(3):
            weight.grad = gradient.clone()
            made.step()
        results.append(weight.detach())
    torch.testing.assert_close(*results)


def _plain(parameters: list[nn.Parameter], training: TrainingSection) -> torch.optim.Optimizer:
    return torch.optim.AdamW(
        parameters, lr=training.learning_rate, weight_decay=training.weight_decay, foreach=False
    )
