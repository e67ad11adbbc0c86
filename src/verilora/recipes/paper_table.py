"""Tables of papers as they lie in tables/*.toml, and a row's line as it is printed.

A row is written once, as the paper prints it; values, spreads and quotes all come from that line.
Knows files and their form, not what a target is.
"""

from __future__ import annotations

import functools
import re
import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any, Literal

from pydantic import Field

from verilora.recipes.override import merge
from verilora.records.given import Digest
from verilora.records.measurement import Aggregation, SpreadKind, Unit
from verilora.records.protocol import Dimension
from verilora.records.record import Record
from verilora.records.target import Disagreement, Teller
from verilora.records.verdict import Paper

_CELL = re.compile(r"([0-9]*\.?([0-9]*))(?:±([0-9]*\.?[0-9]+))?")


@dataclass(frozen=True)
class Printed:
    """A cell as printed: 87.5±.3 is value 87.5, spread 0.3, one decimal."""

    value: float
    spread: float | None
    decimals: int


class Task(Record):
    """A task's data: rows to train on, evaluation items, digests of the very data if known."""

    train_rows: int
    items: int
    datasets: tuple[Digest, ...] = ()
    training_data: str | None = None
    evaluation: str | None = None
    """Both in words; by default GLUE's, by the header of the column."""


class Column(Record):
    """A column: its header as printed, verilora's name of the metric, and what it measures."""

    header: str
    metric: str
    told: str
    task: str | None = None
    """What it is measured on, where several columns share one; by default called as the column."""
    missing: str | None = None
    """Why no cell of the column runs, where others of the table do."""


class Telling(Record):
    """What one source says of a cell, as changes to the row's recipe."""

    source: str
    silent: tuple[str, ...] = ()
    stated: tuple[str, ...] = ()
    """Fields that this row states although the table is silent on them."""
    told: dict[Dimension, str] = Field(default_factory=dict)
    devices: int = Field(default=1, ge=1)
    """How many there were, where the batch size told is that of each."""
    warmup_steps: int | None = None
    adapter: dict[str, Any] = Field(default_factory=dict)
    training: dict[str, Any] = Field(default_factory=dict)
    generation: dict[str, Any] = Field(default_factory=dict)


class Dispute(Disagreement):
    """A disagreement on what is no field of a recipe; of some columns and rows, or of all."""

    columns: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()

    def holds(self, row: str, column: str) -> bool:
        """True if the cell is among those that it is about."""
        return (not self.rows or row in self.rows) and (not self.columns or column in self.columns)


class TableRow(Record):
    """A row: header and line as printed, and how its cells were made."""

    header: str
    printed: str
    block: str | None = None
    """The heading above the row, where the row's own header is not enough."""
    bases: tuple[str, ...]
    base: str = ""
    """The base in the source's words."""
    shape: dict[str, int | str] = Field(default_factory=dict)
    """What the base's config.json says."""
    recipe: str | None = None
    """The recipes of the paper's account are called this, "-" and the column's task."""
    start: dict[str, str] = Field(default_factory=dict)
    """Column -> the task whose adapter training went on from."""
    accounts: dict[Teller, dict[str, Any]] = Field(default_factory=dict)
    notes: dict[str, str] = Field(default_factory=dict)
    disagreements: tuple[Dispute, ...] = ()


class Table(Record):
    """One table of a paper: what its cells share, its columns and its rows."""

    format: Literal["verilora.table/1"]
    paper: str
    name: str
    section: str
    pdf_page: int | None = None
    unit: Unit
    runs: int
    aggregation: Aggregation
    spread_kind: SpreadKind
    tasks: str | None = None
    """The file of the tasks that the columns are measured on."""
    missing: str | None = None
    settings: str | None = None
    """How the cells were made, in words, where no recipe can hold it yet."""
    columns: dict[str, Column]
    rows: dict[str, TableRow]
    accounts: dict[Teller, dict[str, Any]] = Field(default_factory=dict)
    notes: dict[str, str] = Field(default_factory=dict)
    disagreements: tuple[Dispute, ...] = ()

    def printed(self, row: str) -> dict[str, Printed]:
        """The row's cells by column. The line may begin with the count of parameters."""
        words = self.rows[row].printed.split()
        cells = words[len(words) - len(self.columns) :]
        if len(words) - len(cells) not in (0, 1):
            raise ValueError(f"{len(words)} words for {len(self.columns)} columns: {words}")
        return {name: parse(word) for name, word in zip(self.columns, cells, strict=True)}

    def telling(self, teller: Teller, row: str, *, column: str) -> Telling:
        """The account of a cell: the table's, changed by the row's, changed by the column's."""
        own = dict(self.rows[row].accounts[teller])
        single = own.pop("each", {}).get(column, {})
        told = merge(merge(self.accounts.get(teller, {}), own), single)
        return Telling.model_validate(told)


def parse(word: str) -> Printed:
    """A cell from its printed form: "87.5±.3", ".39"."""
    found = _CELL.fullmatch(word)
    if found is None or not found[1]:
        raise ValueError(f"'{word}' is no cell; a number such as 87.5 or 87.5±.3 is wanted")
    spread = None if found[3] is None else float(found[3])
    return Printed(float(found[1]), spread, len(found[2]))


@functools.cache
def tables() -> dict[str, Table]:
    """Every table, by "paper/table"."""
    found = [
        Table.model_validate(m) for m in _files().values() if m["format"] == "verilora.table/1"
    ]
    return {f"{one.paper}/{one.name}": one for one in found}


@functools.cache
def paper(name: str) -> Paper:
    """The facts of the paper that the tables call by this name."""
    facts = _without_format(_files()[name])
    # Every key is given, null where it is not known: so a paper is equal to itself read back.
    return Paper.model_validate({**dict.fromkeys(Paper.model_fields), **facts})


@functools.cache
def tasks(name: str) -> dict[str, Task]:
    """The tasks of a file by their names."""
    facts = _without_format(_files()[name])
    return {task: Task.model_validate(one) for task, one in facts.items()}


@functools.cache
def _files() -> dict[str, dict[str, Any]]:
    folder = resources.files("verilora.recipes").joinpath("tables")
    paths = sorted(folder.iterdir(), key=lambda path: path.name)
    toml = [path for path in paths if path.name.endswith(".toml")]
    return {
        path.name.removesuffix(".toml"): tomllib.loads(path.read_text("utf-8")) for path in toml
    }


def _without_format(mapping: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in mapping.items() if key != "format"}
