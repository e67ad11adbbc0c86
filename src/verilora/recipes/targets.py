"""Targets: the cells of papers' tables by name, `lora/table2/roberta-base/mrpc`.

Built from tables/*.toml and the shipped recipes; knows neither data nor training.
"""

from __future__ import annotations

import difflib
import functools

from verilora.errors import RecipeError, nearest
from verilora.recipes.accounts import Cell, accounts_of, disagreements_of
from verilora.recipes.paper_table import paper, tables
from verilora.records.measurement import Reported
from verilora.records.target import Target
from verilora.records.verdict import Citation


def target_names() -> tuple[str, ...]:
    """The names of all targets, in the order of the tables, their rows and columns."""
    return tuple(_cells())


@functools.cache
def find_target(name: str) -> Target:
    """The target of that name. Raises RecipeError, with the nearest names, if there is none."""
    cell = _cells().get(name)
    if cell is None:
        raise RecipeError(
            "target",
            [
                f"there is no target '{name}'{_meant(name)} ('verilora recipes list' names them "
                "all: paper/table/row/column)"
            ],
        )
    return _target(name, cell)


@functools.cache
def _cells() -> dict[str, Cell]:
    return {
        f"{place}/{row}/{column}": Cell(table, row, column)
        for place, table in sorted(tables().items(), key=lambda item: _order(item[0]))
        for row in table.rows
        for column in table.columns
    }


def _order(place: str) -> tuple[str, int]:
    paper_name, table = place.split("/")
    return paper_name, int("".join(filter(str.isdigit, table)) or 0)


def _target(name: str, cell: Cell) -> Target:
    table, row, column = cell.table, cell.table.rows[cell.row], cell.table.columns[cell.column]
    accounts, task = accounts_of(cell), cell.task
    missing = None if accounts else column.missing or table.missing
    return Target(
        name=name,
        paper=paper(table.paper),
        citation=_citation(cell),
        reported=_reported(cell),
        metric=column.metric,
        bases=row.bases,
        shape=row.shape,
        start="adapter" if cell.start else "pretrained",
        start_task=cell.start,
        train_rows=task.train_rows if task else None,
        datasets=task.datasets if task else (),
        accounts=accounts,
        disagreements=disagreements_of(cell, accounts),
        missing=missing,
    )


def _citation(cell: Cell) -> Citation:
    table, row, column = cell.table, cell.table.rows[cell.row], cell.table.columns[cell.column]
    block = f"In the block '{row.block}'." if row.block else None
    notes = " ".join(filter(None, (block, table.settings)))
    return Citation.model_validate(
        {
            "paper_arxiv_id": paper(table.paper).arxiv_id,
            "section": table.section,
            "row": row.header,
            "column": column.header,
            "reported_value": table.printed(cell.row)[cell.column].value,
            "reported_metric": column.told,
            "quoted_text": f"{row.header} {row.printed}",
            "pdf_page": table.pdf_page,
            "notes": notes or None,
        }
    )


def _reported(cell: Cell) -> Reported:
    table, printed = cell.table, cell.table.printed(cell.row)[cell.column]
    return Reported(
        value=printed.value,
        unit=table.unit,
        spread=printed.spread,
        spread_kind=None if printed.spread is None else table.spread_kind,
        runs=table.runs,
        aggregation=table.aggregation,
        decimals=printed.decimals,
        items=cell.task.items if cell.task else None,
    )


def _meant(name: str) -> str:
    """The names that end or begin as `name` does, or those that are nearest part by part."""
    asked, known = name.strip("/").casefold(), target_names()
    ends = [one for one in known if one.endswith(f"/{asked}")]
    if ends:
        listed = " or ".join(f"'{one}'" for one in ends)
        return f"; did you mean {listed}?"
    within = [one for one in known if one.startswith(f"{asked}/")]
    if within:
        return f"; it holds {len(within)} of them, such as '{within[0]}'"
    return nearest(_mended(asked), known)


def _mended(asked: str) -> str:
    """`asked` with each part replaced by the nearest that any target has."""
    known = sorted({part for one in target_names() for part in one.split("/")})
    parts = [
        (difflib.get_close_matches(part, known, n=1) or [part])[0] for part in asked.split("/")
    ]
    return "/".join(parts)
