from __future__ import annotations

import math
from typing import Any

import peft
import pytest
import torch
from peft.optimizers import create_loraplus_optimizer
from torch import nn

from verilora.lora import adapter_parameters, attach
from verilora.records.adapter import LoraConfig
from verilora.records.recipe import TrainingSection
from verilora.train.optim import (
    freeze_first_factors,
    optimizer,
    schedule,
    second_factors,
    set_rates,
)


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


def adapted(**config: Any) -> nn.Module:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 4))
    return attach(model, LoraConfig(rank=2, target_modules=("0", "2"), **config))


def made_for(model: nn.Module, training: TrainingSection) -> torch.optim.AdamW:
    return optimizer(adapter_parameters(model), training, second=second_factors(model))


def rates(model: nn.Module, made: torch.optim.Optimizer) -> dict[str, tuple[float, float]]:
    """Name -> (learning rate, weight decay), of what is trained."""
    facts = {id(p): (g["lr"], g["weight_decay"]) for g in made.param_groups for p in g["params"]}
    return {name: facts[id(p)] for name, p in model.named_parameters() if p.requires_grad}


def test_the_ratios_groups_are_the_peers() -> None:
    training = TrainingSection(learning_rate=0.01, learning_rate_ratio=16, weight_decay=0.1)
    own = adapted()
    found = rates(own, made_for(own, training))
    base = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 4))
    theirs: Any = peft.get_peft_model(base, peft.LoraConfig(r=2, target_modules=["0", "2"]))
    peers = create_loraplus_optimizer(
        theirs, torch.optim.AdamW, lr=0.01, loraplus_lr_ratio=16, loraplus_weight_decay=0.1
    )
    wanted = {
        name.removeprefix("base_model.model.")
        .replace(".lora_A.default.weight", ".lora.weight.A")
        .replace(".lora_B.default.weight", ".lora.weight.B"): value
        for name, value in rates(theirs, peers).items()
    }
    assert found == wanted
    assert set(found.values()) == {(0.01, 0.1), (0.16, 0.1)}


def test_a_ratio_raises_b_alone_at_every_step() -> None:
    training = TrainingSection(learning_rate=0.01, learning_rate_ratio=4)
    own = adapted(weight_rule="dora", bias="lora_only")
    made = made_for(own, training)
    set_rates(made, 0.5)
    for name, (rate, _) in rates(own, made).items():
        assert rate == (2.0 if name.endswith(".B") else 0.5), name


def test_a_ratio_moves_b_so_many_times_as_far() -> None:
    moved = []
    for ratio in (None, 8.0):
        model = adapted()
        made = made_for(model, TrainingSection(learning_rate=1e-3, learning_rate_ratio=ratio))
        before = [b.detach().clone() for b in second_factors(model)]
        model(torch.ones(1, 6)).square().sum().backward()
        made.step()
        steps = zip(before, second_factors(model), strict=True)
        moved.append(sum((after - b).abs().sum().item() for b, after in steps))
    assert moved[1] == pytest.approx(8 * moved[0], rel=1e-4)


@pytest.mark.parametrize("init", ["kaiming", "pissa"])
def test_a_frozen_a_keeps_no_layers_input_for_the_backward(init: str) -> None:
    found = []
    for frozen in (False, True):
        model = attach(
            nn.Sequential(nn.Linear(6, 5)), LoraConfig(rank=2, target_modules=("0",), init=init)
        )
        if frozen:
            freeze_first_factors(model)
        kept: list[int] = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda tensor, kept=kept: kept.append(tensor.numel()) or tensor, lambda tensor: tensor
        ):
            model(torch.ones(7, 3, 6)).sum().backward()
        found.append(7 * 3 * 6 in kept)
        update = model[0].lora["weight"]  # type: ignore[index, union-attr]
        assert (update.A.grad is None) == frozen
        assert update.B.grad is not None
    assert found == [True, False]


def test_a_frozen_a_leaves_embeddings_alone() -> None:
    model = nn.Sequential(nn.Embedding(7, 6), nn.Linear(6, 5))
    attach(model, LoraConfig(rank=2, target_modules=("0", "1")))
    freeze_first_factors(model)
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    assert trained == {"0.lora.weight.A", "0.lora.weight.B", "1.lora.weight.B"}
