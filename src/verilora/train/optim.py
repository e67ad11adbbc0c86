"""AdamW over the trained parameters, and the learning rate as a pure function of the step."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import nn

from verilora.records.recipe import TrainingSection

Schedule = Callable[[int], float]


def optimizer(parameters: Iterable[nn.Parameter], training: TrainingSection) -> torch.optim.AdamW:
    """AdamW; weight decay falls on matrices alone, never on vectors (biases, norms' weights).

    Fused where every parameter lies on one device that has it: the same update for each element,
    so the bits do not depend on how the tensors are grouped.
    Source: Loshchilov and Hutter 2019, arXiv:1711.05101.
    """
    trained = list(parameters)
    groups = [
        {"params": [p for p in trained if p.dim() > 1], "weight_decay": training.weight_decay},
        {"params": [p for p in trained if p.dim() <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=training.learning_rate,
        betas=training.adam_betas,
        eps=training.adam_epsilon,
        fused=all(p.device.type in ("cpu", "cuda") and p.is_floating_point() for p in trained),
    )


def schedule(training: TrainingSection, steps: int) -> Schedule:
    """step (from 0) -> factor on the learning rate, in (0, 1].

    Rises linearly over ceil(warmup_ratio · steps) steps, is 1 at the step after them, then falls
    towards 0 by a line or half a cosine, or stays. No step has the factor 0: none is wasted.
    """
    warmup = math.ceil(training.warmup_ratio * steps)
    fall = _FALLS[training.schedule]

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / (warmup + 1)
        return fall((step - warmup) / max(1, steps - warmup))

    return factor


_FALLS: dict[str, Callable[[float], float]] = {
    "linear": lambda share: 1.0 - share,
    "cosine": lambda share: 0.5 * (1.0 + math.cos(math.pi * share)),
    "constant": lambda share: 1.0,
}
