"""AdamW over the trained parameters, and the learning rate as a pure function of the step."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

import torch
from torch import nn

from verilora.lora.layers import EmbeddingAdapted
from verilora.lora.update import LowRankUpdate, UpdateSet
from verilora.records.recipe import TrainingSection

Schedule = Callable[[int], float]


def optimizer(
    parameters: Iterable[nn.Parameter],
    training: TrainingSection,
    *,
    second: Iterable[nn.Parameter] = (),
) -> torch.optim.AdamW:
    """AdamW; weight decay falls on matrices alone, never on vectors (biases, norms' weights).

    Those of the parameters that are `second` factors (B) get `learning_rate_ratio` times the
    learning rate, where the recipe has one: LoRA+. Each group says its own as "ratio".
    Fused where every parameter lies on one device that has it: the same update for each element,
    so the bits do not depend on how the tensors are grouped.
    Source: Loshchilov and Hutter 2019, arXiv:1711.05101; Hayou et al. 2024 (LoRA+),
    arXiv:2402.12354.
    """
    trained = list(parameters)
    ratio = training.learning_rate_ratio or 1.0
    raised = {id(parameter) for parameter in second} if ratio != 1.0 else set()
    groups = [
        {
            "params": [p for p in trained if (p.dim() > 1, id(p) in raised) == (matrix, is_raised)],
            "weight_decay": training.weight_decay if matrix else 0.0,
            "ratio": ratio if is_raised else 1.0,
        }
        for is_raised in (False, True)
        for matrix in (True, False)
    ]
    made = torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=training.learning_rate,
        betas=training.adam_betas,
        eps=training.adam_epsilon,
        fused=all(p.device.type in ("cpu", "cuda") and p.is_floating_point() for p in trained),
    )
    set_rates(made, training.learning_rate)
    return made


def set_rates(made: torch.optim.Optimizer, rate: float) -> None:
    """Gives every group the learning rate, times its own ratio."""
    for group in made.param_groups:
        group["lr"] = rate * group["ratio"]


def second_factors(model: nn.Module) -> Iterator[nn.Parameter]:
    """B of every update of the model."""
    for module in model.modules():
        if isinstance(module, LowRankUpdate):
            yield module.B


def freeze_first_factors(model: nn.Module) -> None:
    """Takes A of every update out of training (LoRA-FA), so that a layer's input need not be kept.

    But for embeddings: there A is what starts at zero, and looks tokens up.
    Source: Zhang et al. 2023 (LoRA-FA), arXiv:2308.03303.
    """
    for module in model.modules():
        if isinstance(module, UpdateSet):
            for update in module.updates():
                update.A.requires_grad_(False)
    for module in model.modules():
        if isinstance(module, EmbeddingAdapted):
            for update in module.lora.updates():
                update.A.requires_grad_(True)


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
