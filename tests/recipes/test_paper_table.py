"""Tables as files: rows as printed, accounts that cascade, data that is what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from verilora.data.load import load_dataset
from verilora.recipes.paper_table import Dispute, Printed, Table, paper, parse, tables, tasks
from verilora.records.recipe import TaskSection

SHARED = Path(__file__).parents[2] / ".." / "shared" / "data"


def table(**changes: Any) -> Table:
    row = {"header": "Ours", "printed": "1M 1.5±.1 2", "bases": ["some/base"]}
    given = {
        "format": "verilora.table/1",
        "paper": "p",
        "name": "table1",
        "section": "Table 1",
        "unit": "percent",
        "runs": 5,
        "aggregation": "mean",
        "spread_kind": "sd",
        "columns": {name: {"header": name, "metric": "m", "told": "m"} for name in ("a", "b")},
        "rows": {"ours": {**row, **changes.pop("row", {})}},
    }
    return Table.model_validate({**given, **changes})


@pytest.mark.parametrize(
    ("word", "value", "spread", "decimals"),
    [
        ("87.5±.3", 87.5, 0.3, 1),
        ("63.4±1.2", 63.4, 1.2, 1),
        ("8.85±.02", 8.85, 0.02, 2),
        ("87.2", 87.2, None, 1),
        (".39", 0.39, None, 2),
        ("90", 90.0, None, 0),
    ],
)
def test_cells_as_printed(word: str, value: float, spread: float | None, decimals: int) -> None:
    assert parse(word) == Printed(value, spread, decimals)


@pytest.mark.parametrize("word", ["", "-", "0.3M", "87.5±", "±.3", "8 7", "٣"])
def test_words_that_are_no_cells(word: str) -> None:
    with pytest.raises(ValueError):
        parse(word)


def test_a_row_may_begin_with_its_parameters() -> None:
    wanted = {"a": Printed(1.5, 0.1, 1), "b": Printed(2.0, None, 0)}
    assert table().printed("ours") == wanted
    assert table(row={"printed": "1.5±.1 2"}).printed("ours") == wanted
    for line in ("1M x 1.5±.1 2", "1.5±.1"):
        with pytest.raises(ValueError):
            table(row={"printed": line}).printed("ours")


def test_an_account_is_the_tables_then_the_rows_then_the_columns() -> None:
    own = {"source": "s", "adapter": {"alpha": 16}, "each": {"b": {"training": {"epochs": 2}}}}
    made = table(
        accounts={"scripts": {"devices": 8, "adapter": {"init": "kaiming"}}},
        row={"accounts": {"scripts": own}},
    )
    found = made.telling("scripts", "ours", column="b")
    assert (found.devices, found.adapter) == (8, {"init": "kaiming", "alpha": 16})
    assert found.training == {"epochs": 2}
    assert made.telling("scripts", "ours", column="a").training == {}


def test_a_misspelt_key_is_refused() -> None:
    with pytest.raises(ValidationError, match="colums"):
        table(colums={})
    made = table(row={"accounts": {"paper": {"source": "s", "device": 8}}})
    with pytest.raises(ValidationError, match="device"):
        made.telling("paper", "ours", column="a")


def test_a_dispute_may_be_about_some_cells() -> None:
    given = {"field": "start", "paper": "a", "scripts": "b"}
    assert Dispute(**given).holds("any", "mnli")
    some = Dispute(**given, columns=("rte",), rows=("base",))
    assert some.holds("base", "rte")
    assert not some.holds("base", "mnli") and not some.holds("large", "rte")


def test_what_is_shipped_names_what_is_there() -> None:
    for place, one in tables().items():
        assert place == f"{one.paper}/{one.name}"
        assert paper(one.paper).title
        for row in one.rows:
            assert len(one.printed(row)) == len(one.columns)
            for tellings in one.rows[row].accounts.values():
                assert set(tellings.get("each", {})) <= set(one.columns)
            assert set(one.rows[row].start) | set(one.rows[row].start.values()) <= set(one.columns)
        for dispute in one.disagreements:
            assert set(dispute.columns) <= set(one.columns) and set(dispute.rows) <= set(one.rows)


@pytest.mark.parametrize("name", [name for name, task in tasks("glue").items() if task.datasets])
def test_the_digests_are_those_of_the_data(name: str) -> None:
    if not (SHARED / name).is_dir():
        pytest.skip("the data is not on this machine")
    dataset, task = (
        load_dataset(TaskSection(name=name, data=str(SHARED / name))),
        tasks("glue")[name],
    )
    assert dataset.digest in task.datasets
    assert (len(dataset.train), len(dataset.validation)) == (task.train_rows, task.items)
