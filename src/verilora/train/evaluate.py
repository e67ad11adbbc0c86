"""Evaluation: every example once, in batches sorted by length; the answers in the data's order."""

from __future__ import annotations

import time
from collections.abc import Generator

import torch

from verilora.data.batches import evaluation_batches
from verilora.data.encode import Encoded
from verilora.data.metrics import measure
from verilora.data.tasks import CAUSAL
from verilora.errors import TrainingError
from verilora.records.events import Evaluating
from verilora.train.build import Build
from verilora.train.evaluate_texts import evaluating_texts, writing
from verilora.train.evaluation import Evaluation, Listen, evaluation_mode, heard
from verilora.train.forward import forward
from verilora.train.objective import loss_of, predictions_of

__all__ = ["Evaluation", "Listen", "complete", "evaluate", "evaluating", "evaluation_mode"]

BATCH_SIZE = 32
"""Examples per forward pass. Fixed: the bits of a prediction depend on it."""


def evaluate(
    build: Build, encoded: Encoded | None = None, *, listen: Listen | None = None
) -> Evaluation:
    """Evaluates `encoded`, or the validation set; `listen` hears of every batch."""
    return heard(evaluating(build, encoded), listen)


def complete(build: Build, evaluation: Evaluation, *, listen: Listen | None = None) -> Evaluation:
    """The validation set's evaluation with what a run also keeps of its last one.

    Of a causal language model with [generation] what it writes; else nothing is added.
    """
    return heard(writing(build, evaluation), listen)


def evaluating(
    build: Build, encoded: Encoded | None = None
) -> Generator[Evaluating, None, Evaluation]:
    """As `evaluate`, with one event per batch. The model is left in the mode it was in."""
    encoded = encoded or build.validation
    if build.task.kind == CAUSAL:
        return (yield from evaluating_texts(build, encoded))
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


def _infer(
    build: Build, encoded: Encoded, *, indices: list[int]
) -> tuple[torch.Tensor, torch.Tensor]:
    with torch.no_grad():
        passed = forward(build, encoded, indices=indices)
        each = loss_of(passed.logits, passed.labels, kind=build.task.kind, reduction="none")
    return passed.logits.float().cpu(), each.cpu()
