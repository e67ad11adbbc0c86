"""Which weights are handed over, and when a run has waited long enough for better ones."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from verilora.records.recipe import TrainingSection


@dataclass
class Choice:
    """What the evaluations have shown so far. The main metric counts."""

    step: int | None = None
    """Steps done at the best evaluation; the earliest of equals."""
    value: float | None = None
    waited: int = 0
    """Evaluations since the best one."""
    evaluations: int = 0
    weights: dict[str, Tensor] = field(default_factory=dict)
    """Copies of the trained weights at the best evaluation, where the recipe selects the best."""

    def consider(self, step: int, value: float, *, lower_is_better: bool = False) -> bool:
        """Takes note of an evaluation; true if it is the best so far."""
        self.evaluations += 1
        better = self.value is None or (
            value < self.value if lower_is_better else value > self.value
        )
        if better:
            self.step, self.value, self.waited = step, value, 0
        else:
            self.waited += 1
        return better

    def exhausted(self, training: TrainingSection) -> bool:
        """True if early stopping ends the run here."""
        return training.early_stopping is not None and self.waited >= training.early_stopping
