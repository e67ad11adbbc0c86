"""Fills a build's recall: one pass of the frozen base over a set of examples."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import torch
from torch import Tensor

from verilora.data.batches import evaluation_batches
from verilora.data.encode import Encoded
from verilora.records.events import Evaluating
from verilora.train.build import Build
from verilora.train.evaluate import BATCH_SIZE, evaluation_mode
from verilora.train.forward import forward
from verilora.train.recall import Kept, answering, first_position, listening


def remember(build: Build, encoded: Encoded) -> Generator[Evaluating, None, bool]:
    """Asks the base about every example, in the batches of an evaluation; one event per batch.

    True if the answers are kept: from them the head must give the very logits that the whole
    model gives, in every batch. Else the base goes on being asked each time.
    """
    batches = evaluation_batches(encoded.lengths, batch_size=BATCH_SIZE)
    kept: Kept | None = None
    with evaluation_mode(build.model), torch.no_grad():
        for done, indices in enumerate(batches, 1):
            answer = _ask(build, encoded, indices=indices)
            if answer is None:
                return False
            kept = kept or _room(encoded, answer)
            for name, value in first_position(answer).items():
                kept.fields[name][indices] = value
            yield Evaluating(done, len(batches))
    if kept is not None:
        build.recall.kept.append(kept)
    return kept is not None


def _ask(build: Build, encoded: Encoded, *, indices: Sequence[int]) -> Any:
    """The base's output for a batch; None if its first position is not all that the head reads."""
    with listening(build.model) as heard:
        logits = forward(build, encoded, indices=indices).logits
    output = heard[-1]
    if not hasattr(output, "items"):
        return None
    short = type(output)(**first_position(output))
    try:
        with answering(build.model, short):
            again = forward(build, encoded, indices=indices).logits
    except Exception:  # a head that reads more fails in its own way
        return None
    return output if torch.equal(again, logits) else None


def _room(encoded: Encoded, output: Any) -> Kept:
    rows = len(encoded.ids)
    fields: dict[str, Tensor] = {
        name: value.new_empty((rows, *value.shape[1:]))
        for name, value in first_position(output).items()
    }
    return Kept(encoded, type(output), fields)
