"""When things are due: the batches of every epoch, and the steps after which to look or to save."""

from __future__ import annotations

import math
from collections.abc import Sequence

from verilora.data.batches import WINDOW, epoch_batches
from verilora.records.recipe import TrainingSection


class Timetable:
    """The whole run laid out, from the recipe and the examples' lengths (tokens) alone."""

    def __init__(self, lengths: Sequence[int], training: TrainingSection) -> None:
        self._lengths = lengths
        self._training = training
        self._laid_out: tuple[int, list[list[int]]] = (-1, [])
        self.steps_per_epoch = len(self.batches(0))
        planned = math.ceil(training.epochs * self.steps_per_epoch)
        self.steps = min(planned, training.max_steps or planned)
        """Optimiser steps of the run."""

    def batches(self, epoch: int) -> list[list[int]]:
        """The batches (indices of examples) of an epoch, in order."""
        if self._laid_out[0] != epoch:
            size, seed = self._training.batch_size, self._training.seed
            # Packed texts need no neighbours of like length: nothing is padded anyway.
            window = 1 if self._training.packing else WINDOW
            laid_out = epoch_batches(
                self._lengths, batch_size=size, seed=seed, epoch=epoch, window=window
            )
            self._laid_out = (epoch, laid_out)
        return self._laid_out[1]

    def batch(self, step: int) -> list[int]:
        """The examples of a step (from 0)."""
        epoch, index = divmod(step, self.steps_per_epoch)
        return self.batches(epoch)[index]

    def epoch_after(self, step: int) -> float:
        """How many epochs have passed when `step` steps are done."""
        return step / self.steps_per_epoch

    def evaluation_due(self, step: int) -> bool:
        """True if the run evaluates when `step` steps are done; always true at its end."""
        return step == self.steps or self._due(step, self._training.evaluate_every)

    def checkpoint_due(self, step: int) -> bool:
        """True if a checkpoint is written when `step` steps are done."""
        return self._due(step, self._training.checkpoint_every)

    def _due(self, step: int, every: str | int | None) -> bool:
        if every is None or step == 0:
            return False
        return step % (self.steps_per_epoch if every == "epoch" else int(every)) == 0
