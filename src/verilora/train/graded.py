"""A pass over some examples, whatever the task.

The one place where a classifier and a causal language model part ways while they train.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from verilora.data.encoded import Encoded
from verilora.data.tasks import CAUSAL
from verilora.train.build import Build
from verilora.train.forward import forward
from verilora.train.language import graded_texts, summed_loss
from verilora.train.objective import loss_of


def share_of_loss(build: Build, indices: Sequence[int], *, units: int) -> Tensor:
    """What these training examples add to a mean over `units` examples, or target tokens.

    The parts of a step add up to its loss, and their gradients to its gradient, however it is cut.
    """
    if build.task.kind == CAUSAL:
        return summed_loss(build, indices) / units
    passed = forward(build, build.train, indices=indices)
    smoothing = build.recipe.training.label_smoothing
    loss = loss_of(passed.logits, passed.labels, kind=build.task.kind, label_smoothing=smoothing)
    return loss * (len(indices) / units)


def answer(build: Build, encoded: Encoded, *, indices: Sequence[int]) -> None:
    """What an evaluation computes of these examples, and forgets: for what measures its memory."""
    if build.task.kind == CAUSAL:
        graded_texts(build, encoded, indices=indices)
        return
    with torch.no_grad():
        forward(build, encoded, indices=indices)
