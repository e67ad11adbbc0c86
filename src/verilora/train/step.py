"""One optimiser step: forward and backward over micro-batches, clipping, update."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from verilora.data.encode import Encoded
from verilora.errors import SelfCheckError, TrainingError
from verilora.records.recipe import TrainingSection
from verilora.train.graded import share_of_loss
from verilora.train.language import shape_of_pass
from verilora.train.optim import set_rates
from verilora.train.session import Session


@dataclass(frozen=True)
class StepFacts:
    """What one step saw."""

    loss: float
    """Mean over the step's examples, or target tokens."""
    gradient_norm: float
    """L2, before clipping."""
    tokens: int
    padded_tokens: int
    examples: int


def take_step(session: Session, indices: Sequence[int]) -> StepFacts:
    """The session's next step, on the training examples `indices`.

    The gradient is that of the mean over all of them (of a causal language model over all their
    target tokens), however they are cut into micro-batches.
    Raises TrainingError, before any weight is changed, if loss or gradient is not finite.
    """
    build, training = session.build, session.training
    session.optimizer.zero_grad(set_to_none=True)
    total, padded = torch.zeros((), device=build.device), 0
    units = build.train.units(indices)
    for part in micro_batches(build.train, indices, training=training):
        loss = share_of_loss(build, part, units=units)
        loss.backward()
        total += loss.detach()
        padded += math.prod(shape_of_pass(build.train, part, training=training))
    gradients = [p.grad for p in session.trained.values() if p.grad is not None]
    norm = nn.utils.get_total_norm(gradients)
    loss_value, norm_value = torch.stack((total, norm)).tolist()
    _refuse_not_finite(session, loss=loss_value, norm=norm_value)
    clip(gradients, norm=norm_value, limit=training.max_gradient_norm)
    set_rates(session.optimizer, training.learning_rate * session.factor(session.step))
    session.optimizer.step()
    tokens = sum(len(build.train.ids[index]) for index in indices)
    return StepFacts(loss_value, norm_value, tokens, padded, len(indices))


def micro_batches(
    encoded: Encoded, indices: Sequence[int], *, training: TrainingSection
) -> list[list[int]]:
    """The step's examples in parts of at most `micro_batch_size`.

    Neighbours in length are together; where texts are packed each part gets some of every length.
    """
    size = training.micro_batch_size
    if size is None or size >= len(indices):
        return [list(indices)]
    ordered = sorted(indices, key=lambda index: len(encoded.ids[index]))
    if training.packing:
        parts = -(-len(ordered) // size)
        return [ordered[part::parts] for part in range(parts)]
    return [ordered[start : start + size] for start in range(0, len(ordered), size)]


def clip(gradients: Sequence[Tensor], *, norm: float, limit: float | None) -> None:
    """Scales the gradients, in place and all alike, from the L2 norm `norm` down to `limit`."""
    if limit is not None and norm > limit:
        for gradient in gradients:
            gradient.mul_(limit / norm)


def _refuse_not_finite(session: Session, *, loss: float, norm: float) -> None:
    if math.isfinite(loss) and math.isfinite(norm):
        return
    number = session.step + 1
    advice = (
        "no weight was changed by it; lower training.learning_rate, or set "
        "training.max_gradient_norm"
    )
    if not math.isfinite(loss):
        raise TrainingError(f"the loss of step {number} is {loss}; {advice}", step=number)
    path = next(
        (
            name
            for name, parameter in session.trained.items()
            if parameter.grad is not None and not parameter.grad.isfinite().all()
        ),
        None,
    )
    raise SelfCheckError(
        f"the gradient of {path or 'all weights together'} is not finite at step {number}; "
        f"{advice}",
        step=number,
        path=path,
        check="gradients are finite",
    )
