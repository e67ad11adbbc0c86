"""Target: one cell of a paper's table, how it was made, and how it is made here.

A paper and its authors' scripts may tell different stories of the same cell; each is an `Account`
of its own, and where they differ both values stand in a `Disagreement`.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from verilora.records.given import Digest
from verilora.records.measurement import Reported
from verilora.records.protocol import Dimension
from verilora.records.recipe import PART, Recipe
from verilora.records.record import Record
from verilora.records.verdict import Citation, Paper

FORMAT = "verilora.target/1"
Teller = Literal["paper", "scripts"]
"""Whose account is followed: the paper's own, or that of its authors' scripts."""
Likeness = Literal["same", "different", "unknown"]


class Disagreement(Record):
    """A point on which paper and scripts differ. `field` is a recipe's, or a few words."""

    field: str
    paper: str
    scripts: str
    note: str = ""
    """What speaks for one of them, and where that stands."""


class Account(Record):
    """What one source says of how a cell was made."""

    source: str
    """Where it stands: a table, an appendix, a script with its commit."""
    recipe: Recipe
    """As told; what the source leaves open is filled, and named in `silent`."""
    silent: tuple[str, ...] = ()
    """Fields of the recipe ("training.weight_decay") that the source does not state."""
    told: dict[Dimension, str] = Field(default_factory=dict)
    """In words, for the dimensions that no recipe holds whole: base, start, training_data,
    evaluation, metric, selection, precision, environment. On one left out the source is silent."""


class Target(Record):
    """One number of a paper (`lora/table2/roberta-base/mrpc`) with all that is known of it.

    A target without `accounts` cannot be run yet; `missing` says why.
    """

    format: Literal["verilora.target/1"] = FORMAT
    name: str = Field(pattern=rf"^{PART}/{PART}/{PART}/{PART}$")
    """paper / table / row / column."""
    paper: Paper
    citation: Citation
    reported: Reported
    metric: str
    """verilora's name of the metric ("accuracy"), or the paper's where there is none yet."""
    bases: tuple[str, ...]
    """Hub ids of the very base that the paper used."""
    shape: dict[str, int | str] = Field(default_factory=dict)
    """What that base's config.json says: a directory that says otherwise holds another base."""
    start: Literal["pretrained", "adapter"] = "pretrained"
    """ "adapter": training went on from an adapter that another task had trained."""
    start_task: str | None = None
    """The task of that adapter."""
    train_rows: int | None = None
    datasets: tuple[Digest, ...] = ()
    """Digests of the very data (training and evaluation together), where they are known."""
    accounts: dict[Teller, Account] = Field(default_factory=dict)
    disagreements: tuple[Disagreement, ...] = ()
    missing: str | None = None

    @model_validator(mode="after")
    def _runs_or_says_why(self) -> Target:
        if bool(self.accounts) == bool(self.missing):
            raise ValueError("a target has accounts to run it by, or says what is missing")
        return self


class Setup(Record):
    """How a cell is run here: the recipe, and what it met on this machine."""

    recipe: Recipe
    base: Likeness
    """Whether the base is the paper's."""
    base_told: str
    start: Likeness
    start_told: str
    train_rows: int
    validation_rows: int
    data: Digest
    longest: int
    """Tokens of the longest text, as it was read (not above the length limit)."""
    truncated: int
    """Texts cut at the length limit."""
    environment: str
    """Hardware and library versions, in words."""
