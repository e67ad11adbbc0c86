from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pytest

from verilora.data import hub
from verilora.data.dataset import Splits
from verilora.data.glue import read_glue, validation_parts
from verilora.data.hub import read_hub
from verilora.data.load import load_dataset
from verilora.data.tasks import GLUE, Task
from verilora.errors import DataError
from verilora.records.recipe import TaskSection

Serve = Callable[[dict[str, datasets.Dataset]], list[tuple[Any, ...]]]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Serve:
    """A function that puts tables in the hub's place, and gives the calls made to it."""

    def put(tables: dict[str, datasets.Dataset]) -> list[tuple[Any, ...]]:
        calls: list[tuple[Any, ...]] = []

        def load(*asked: Any, revision: str) -> Any:
            calls.append((*asked, revision))
            return tables

        monkeypatch.setattr(hub.datasets, "load_dataset", load)
        return calls

    return put


def table(task: Task, splits: Splits, prefix: str) -> datasets.Dataset:
    """What the hub has of a split: label classes, or scores as float32, and the rows' numbers."""
    found = [e for e in (*splits.train, *splits.validation) if e.id.startswith(f"{prefix}-")]
    kind = (
        datasets.ClassLabel(names=list(task.labels)) if task.labels else datasets.Value("float32")
    )
    columns = {
        name: [example.texts[place] for example in found]
        for place, name in enumerate(task.text_columns)
    }
    features = {name: datasets.Value("string") for name in columns}
    return datasets.Dataset.from_dict(
        {**columns, "label": [e.label for e in found], "idx": list(range(len(found)))},
        features=datasets.Features({**features, "label": kind, "idx": datasets.Value("int32")}),
    )


@pytest.mark.parametrize("name", sorted(GLUE))
def test_hub_and_local_files_are_the_same_data(
    serve: Serve, write_glue: Callable[..., Path], name: str
) -> None:
    task, directory = GLUE[name], write_glue(name)
    splits = read_glue(task, directory, parts=validation_parts(task, None))
    prefixes = {example.id.rpartition("-")[0] for example in (*splits.train, *splits.validation)}
    calls = serve({prefix: table(task, splits, prefix) for prefix in prefixes})
    ours = load_dataset(TaskSection(name=name))
    assert ours.digest == load_dataset(TaskSection(name=name, data=str(directory))).digest
    assert ours.train == tuple(splits.train)
    assert calls == [("nyu-mll/glue", name, hub.REVISION)]
    assert len(hub.REVISION) == 40


def test_local_data_never_asks_the_hub(serve: Serve, write_glue: Callable[..., Path]) -> None:
    calls = serve({})
    load_dataset(TaskSection(name="rte", data=str(write_glue("rte"))))
    assert calls == []


def test_one_part_of_mnli(serve: Serve, write_glue: Callable[..., Path]) -> None:
    task = GLUE["mnli"]
    splits = read_glue(task, write_glue("mnli"), parts=("matched", "mismatched"))
    names = ("train", "validation_matched", "validation_mismatched")
    serve({name: table(task, splits, name) for name in names})
    found = load_dataset(TaskSection(name="mnli", validation="matched"))
    assert [e.id for e in found.validation] == [f"validation_matched-{i}" for i in range(3)]


def test_without_a_network_it_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise ConnectionError("Couldn't reach the Hub\nand more")

    monkeypatch.setattr(hub.datasets, "load_dataset", refuse)
    with pytest.raises(DataError) as caught:
        read_hub(GLUE["mrpc"], ("",))
    message = str(caught.value)
    assert "ConnectionError: Couldn't reach the Hub\n" in message
    assert 'data = "DIR" under [task]' in message
    assert "--set task.data=DIR" in message
    assert isinstance(caught.value.__cause__, ConnectionError)


def test_another_order_of_labels_is_refused(serve: Serve, write_glue: Callable[..., Path]) -> None:
    splits = read_glue(GLUE["rte"], write_glue("rte"), parts=("",))
    turned = table(GLUE["wnli"], splits, "train")
    serve({"train": turned, "validation": turned})
    with pytest.raises(DataError, match="not_entailment, entailment, and entailment, not_enta"):
        read_hub(GLUE["rte"], ("",))


def test_a_row_without_a_label_is_refused(serve: Serve, write_glue: Callable[..., Path]) -> None:
    splits = read_glue(GLUE["rte"], write_glue("rte"), parts=("",))
    good = table(GLUE["rte"], splits, "train")
    bare = good.map(lambda row: {"label": -1})
    serve({"train": good, "validation": bare})
    with pytest.raises(DataError, match="'rte' has no label for validation 0"):
        read_hub(GLUE["rte"], ("",))
