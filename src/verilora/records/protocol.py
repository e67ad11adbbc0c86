"""What a protocol is made of: twelve dimensions, and one row for each that compares two runs.

The table of what a row does to a verdict is `verdict/protocol.py`.
"""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from verilora.records.given import AsGiven, Text

Dimension = Literal[
    "base",
    "start",
    "training_data",
    "evaluation",
    "metric",
    "preprocessing",
    "adapter",
    "optimiser",
    "epochs_and_batch",
    "selection",
    "precision",
    "environment",
]
DIMENSIONS: dict[str, str] = {
    "base": "base model and its revision",
    "start": "checkpoint that training started from",
    "training_data": "training data",
    "evaluation": "evaluation split and its size",
    "metric": "how the metric is computed",
    "preprocessing": "preprocessing and sequence length",
    "adapter": "adapter: rank, alpha, targets, dropout",
    "optimiser": "optimiser and schedule",
    "epochs_and_batch": "epochs and batch size",
    "selection": "choice of the evaluation that counts, and aggregation over runs",
    "precision": "numeric precision",
    "environment": "hardware and library versions",
}
State = Literal["same", "equivalent", "paper_silent", "different", "unknown"]
Filled = Literal["before", "after"]
Level = Literal["exact", "near", "proxy", "unknown"]
LEVELS: tuple[Level, ...] = ("exact", "near", "proxy", "unknown")
"""From the strongest to the weakest."""


class Row(AsGiven):
    """One dimension of the protocol: what the paper says, what was done, and how they compare.

    "equivalent" says why in `reason`; "paper_silent" says in `filled` whether what was done was
    fixed "before" the runs (in a preregistration) or chosen "after".
    """

    dimension: Dimension
    state: State
    paper: Text | None = None
    ours: Text | None = None
    reason: Text | None = None
    filled: Filled | None = None

    @model_validator(mode="after")
    def _says_why(self) -> Row:
        if self.state == "equivalent" and not self.reason:
            raise ValueError(f"'{self.dimension}' is called equivalent; say why in 'reason'")
        if self.state == "paper_silent" and self.filled is None:
            raise ValueError(
                f"the paper is silent on '{self.dimension}'; say in 'filled' whether it was fixed "
                "'before' or 'after' the runs"
            )
        return self
