"""A cell's accounts: the recipe as the paper tells it and as its authors' scripts do.

The paper's is the shipped recipe of the row and column; the scripts' is the same recipe with their
changes. Where the two state different things, both stand in a `Disagreement`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from verilora.recipes.catalog import load
from verilora.recipes.paper_table import Table, Task, Telling, tasks
from verilora.records.protocol import Dimension
from verilora.records.recipe import Recipe
from verilora.records.target import Account, Disagreement, Teller

SECTIONS = ("adapter", "training", "generation")


@dataclass(frozen=True)
class Cell:
    """A cell of a table: where to look everything up."""

    table: Table
    row: str
    column: str

    @property
    def task(self) -> Task | None:
        """The data of the column's task, if it is one."""
        return tasks(self.table.tasks).get(self.task_name) if self.table.tasks else None

    @property
    def task_name(self) -> str:
        """What the column is measured on."""
        return self.table.columns[self.column].task or self.column

    @property
    def start(self) -> str | None:
        """The task whose adapter training went on from, or None for the pretrained base."""
        return self.table.rows[self.row].start.get(self.column)

    def telling(self, teller: Teller) -> Telling:
        """What that source says, as the tables have it."""
        return self.table.telling(teller, self.row, column=self.column)


def accounts_of(cell: Cell) -> dict[Teller, Account]:
    """The accounts of a cell, the paper's first; none where it has no runner."""
    row = cell.table.rows[cell.row]
    if row.recipe is None or cell.task is None:
        return {}
    recipe = load(f"{row.recipe}-{cell.task_name}")
    return {teller: _account(cell, teller, recipe=recipe) for teller in row.accounts}


def disagreements_of(cell: Cell, accounts: Mapping[Teller, Account]) -> tuple[Disagreement, ...]:
    """Where the accounts differ, field by field; then what is no field of a recipe."""
    row = cell.table.rows[cell.row]
    disputes = [*cell.table.disagreements, *row.disagreements]
    if row.accounts and "scripts" not in row.accounts:
        return ()
    told = [
        Disagreement(field=one.field, paper=one.paper, scripts=one.scripts, note=one.note)
        for one in disputes
        if one.holds(cell.row, cell.column)
    ]
    return (*_differing(cell, accounts), *told)


def stated(account: Account) -> dict[str, Any]:
    """Field of the recipe -> what the account states; silent ones left out."""
    recipe = account.recipe.to_mapping()
    return {
        f"{section}.{key}": value
        for section in SECTIONS
        for key, value in (recipe.get(section) or {}).items()
        if f"{section}.{key}" not in account.silent
    }


def shown(value: Any) -> str:
    """A field's value in words."""
    if value is None:
        return "none"
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {shown(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(shown, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _account(cell: Cell, teller: Teller, *, recipe: Recipe) -> Account:
    telling = cell.telling(teller)
    return Account(
        source=telling.source.format(column=cell.column),
        recipe=recipe if teller == "paper" else _changed(recipe, telling, cell=cell),
        silent=tuple(field for field in telling.silent if field not in telling.stated),
        told={**_told(cell), **telling.told},
    )


def _changed(recipe: Recipe, telling: Telling, *, cell: Cell) -> Recipe:
    training = recipe.training.replace(**telling.training)
    training = training.replace(batch_size=training.batch_size * telling.devices)
    if telling.warmup_steps is not None and cell.task is not None:
        steps = math.ceil(cell.task.train_rows / training.batch_size) * training.epochs
        # Rounded down, so that this share of all steps, rounded up, is the number of steps again.
        ratio = math.floor(1e6 * telling.warmup_steps / steps) / 1e6
        training = training.replace(warmup_ratio=ratio)
    generation = recipe.generation and recipe.generation.replace(**telling.generation)
    return recipe.replace(
        name=f"{recipe.name}-as-scripts",
        title=f"{recipe.title}; as its authors' scripts have it",
        adapter=recipe.adapter.replace(**telling.adapter),
        training=training,
        generation=generation,
    )


def _told(cell: Cell) -> dict[Dimension, str]:
    column, row, task = cell.table.columns[cell.column], cell.table.rows[cell.row], cell.task
    start = "the pretrained base, with an adapter that nothing was trained with before"
    if cell.start:
        start = f"the adapter of the best {cell.table.columns[cell.start].header} checkpoint"
    told: dict[Dimension, str] = {"base": row.base, "start": start, "metric": column.told}
    if task is not None:
        rows, items = f"{task.train_rows:,} training examples", f"{task.items:,} examples"
        glue = f"GLUE's {column.header}, all"
        told["training_data"] = task.training_data or f"{glue} {rows}"
        told["evaluation"] = task.evaluation or f"{glue} {items} of the dev set"
    return told


def _differing(cell: Cell, accounts: Mapping[Teller, Account]) -> list[Disagreement]:
    if len(accounts) < 2:
        return []
    ours, theirs = stated(accounts["paper"]), stated(accounts["scripts"])
    notes = {**cell.table.notes, **cell.table.rows[cell.row].notes}
    asides = _asides(cell, accounts["scripts"].recipe)
    return [
        Disagreement(
            field=field,
            paper=shown(ours[field]),
            scripts=shown(theirs[field]) + asides.get(field, ""),
            note=notes.get(field, ""),
        )
        for field in ours
        if field in theirs and ours[field] != theirs[field]
    ]


def _asides(cell: Cell, recipe: Recipe) -> dict[str, str]:
    telling, found = cell.telling("scripts"), {}
    if telling.devices > 1:
        each = recipe.training.batch_size // telling.devices
        found["training.batch_size"] = f" ({each} on each of {telling.devices} devices)"
    if telling.warmup_steps is not None:
        found["training.warmup_ratio"] = f" ({telling.warmup_steps:,} steps)"
    return found
