"""Evaluation: every example once, in batches sorted by length; the answers in the data's order."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

import torch
from torch import nn

from verilora.data.batches import evaluation_batches
from verilora.data.encode import Encoded
from verilora.data.metrics import measure
from verilora.errors import TrainingError
from verilora.records.events import Evaluating, Event
from verilora.train.build import Build
from verilora.train.forward import forward
from verilora.train.objective import loss_of, predictions_of

Listen = Callable[[Event], None]
BATCH_SIZE = 32
"""Examples per forward pass. Fixed: the bits of a prediction depend on it."""


@dataclass(frozen=True)
class Evaluation:
    """What a model says about a set of examples, in the order of the set."""

    loss: float
    """Mean over the examples."""
    predictions: list[int] | list[float]
    """Class numbers, or values of a regression."""
    scores: list[list[float]]
    """Logits: one number per class."""
    metrics: dict[str, float]
    """In percent, by the task's metric names."""
    seconds: float


def evaluate(
    build: Build, encoded: Encoded | None = None, *, listen: Listen | None = None
) -> Evaluation:
    """Evaluates `encoded`, or the validation set; `listen` hears of every batch."""
    stages = evaluating(build, encoded)
    while True:
        try:
            event = next(stages)
        except StopIteration as stop:
            return stop.value
        if listen is not None:
            listen(event)


def evaluating(
    build: Build, encoded: Encoded | None = None
) -> Generator[Evaluating, None, Evaluation]:
    """As `evaluate`, with one event per batch. The model is left in the mode it was in."""
    encoded = encoded or build.validation
    began = time.perf_counter()
    batches = evaluation_batches(encoded.lengths, batch_size=BATCH_SIZE)
    logits: list[torch.Tensor | None] = [None] * len(encoded.ids)
    losses = torch.zeros(len(encoded.ids), dtype=torch.float64)
    with evaluation_mode(build.model):
        for done, indices in enumerate(batches, 1):
            rows, each = _infer(build, encoded, indices=indices)
            losses[indices] = each.double()
            for index, row in zip(indices, rows, strict=True):
                logits[index] = row
            yield Evaluating(done, len(batches))
    stacked = torch.stack([row for row in logits if row is not None])
    _refuse_not_finite(stacked, encoded)
    predictions = predictions_of(stacked, build.task.kind)
    return Evaluation(
        loss=losses.mean().item(),
        predictions=predictions,
        scores=stacked.tolist(),
        metrics=measure(build.task.metrics, predictions, labels=encoded.labels),
        seconds=time.perf_counter() - began,
    )


def _refuse_not_finite(scores: torch.Tensor, encoded: Encoded) -> None:
    bad = (~scores.isfinite().all(dim=1)).nonzero().flatten().tolist()
    if bad:
        raise TrainingError(
            f"the scores of {len(bad)} of {len(scores)} evaluated examples are not finite (first: "
            f"{encoded.example_ids[bad[0]]}); the model has diverged: lower "
            "training.learning_rate",
            count=len(bad),
        )


@contextlib.contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Dropout is off while inside; afterwards every module is in the mode that it was in."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def _infer(
    build: Build, encoded: Encoded, *, indices: list[int]
) -> tuple[torch.Tensor, torch.Tensor]:
    with torch.no_grad():
        passed = forward(build, encoded, indices=indices)
        each = loss_of(passed.logits, passed.labels, kind=build.task.kind, reduction="none")
    return passed.logits.float().cpu(), each.cpu()
