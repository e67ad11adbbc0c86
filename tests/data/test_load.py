from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from verilora.data.load import Example, load_dataset
from verilora.errors import DataError, RecipeError
from verilora.records.recipe import TaskSection

OWN = {
    "kind": "classification",
    "text_columns": ["review"],
    "label_column": "stars",
    "labels": ["bad", "good"],
}
ROWS = [("a dull film", "bad"), ('a "fine" one', "good"), ("so, so", "bad")]


def put(directory: Path, ending: str, rows: list[tuple[Any, Any]] = ROWS) -> None:
    """train and validation in one format."""
    for split in ("train", "validation"):
        path = directory / f"{split}.{ending}"
        if ending == "parquet":
            reviews, stars = ([row[place] for row in rows] for place in (0, 1))
            parquet.write_table(pa.table({"review": reviews, "stars": stars}), path)
            continue
        if ending.startswith("jsonl"):
            text = "".join(json.dumps({"review": a, "stars": b}) + "\n" for a, b in rows)
        elif ending.startswith("csv"):
            quoted = [(a.replace('"', '""'), b) for a, b in rows]
            text = "review,stars\n" + "".join(f'"{a}",{b}\n' for a, b in quoted)
        else:
            text = "review\tstars\n" + "".join(f"{a}\t{b}\n" for a, b in rows)
        packed = ending.endswith(".gz")
        path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())


def section(directory: Path, ending: str = "csv", **fields: Any) -> TaskSection:
    named = {split: f"{split}.{ending}" for split in ("train", "validation")}
    return TaskSection.model_validate({**OWN, "data": str(directory), **named, **fields})


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet", "csv.gz", "jsonl.gz"])
def test_own_files_of_every_format_are_the_same_dataset(tmp_path: Path, ending: str) -> None:
    put(tmp_path, ending)
    found = load_dataset(section(tmp_path, ending))
    assert found.train == tuple(
        Example(f"train-{i}", (text,), int(label == "good")) for i, (text, label) in enumerate(ROWS)
    )
    assert [example.id for example in found.validation][:1] == ["validation-0"]
    put(tmp_path, "tsv")
    assert found.digest == load_dataset(section(tmp_path, "tsv")).digest
    assert found.dropped == {}


def test_paths_need_no_data_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "csv")
    monkeypatch.chdir(tmp_path)
    here = section(tmp_path, data=None)
    absolute = section(
        tmp_path,
        data="elsewhere",
        **{split: str(tmp_path / f"{split}.csv") for split in ("train", "validation")},
    )
    assert load_dataset(here).digest == load_dataset(absolute).digest


def test_pairs_and_values(tmp_path: Path) -> None:
    text = '{"a": "x", "b": "y", "score": 2}\n{"a": "z", "b": "", "score": 0.5}\n'
    for split in ("train", "validation"):
        (tmp_path / f"{split}.jsonl").write_text(text)
    found = load_dataset(
        section(
            tmp_path,
            "jsonl",
            kind="regression",
            labels=None,
            text_columns=["a", "b"],
            label_column="score",
        )
    )
    assert found.train == (
        Example("train-0", ("x", "y"), 2.0),
        Example("train-1", ("z", ""), 0.5),
    )
    assert all(isinstance(example.label, float) for example in found.train)


def test_whole_numbers_are_labels_in_json_and_parquet(tmp_path: Path) -> None:
    numbers = [(text, int(label == "good")) for text, label in ROWS]
    for ending in ("jsonl", "parquet"):
        put(tmp_path, ending, numbers)
        found = load_dataset(section(tmp_path, ending, labels=["0", "1"]))
        assert [example.label for example in found.train] == [0, 1, 0]


def test_limits_take_the_first_rows_and_change_the_digest(tmp_path: Path) -> None:
    put(tmp_path, "csv")
    whole = load_dataset(section(tmp_path))
    part = load_dataset(section(tmp_path, limit=2, validation_limit=1))
    assert part.train == whole.train[:2]
    assert part.validation == whole.validation[:1]
    assert part.digest != whole.digest
    assert load_dataset(section(tmp_path, limit=99)).digest == whole.digest


def test_rows_behind_the_limit_are_checked_too(tmp_path: Path) -> None:
    put(tmp_path, "csv", [*ROWS, ("odd", "ugly")])
    with pytest.raises(DataError, match=r"train\.csv, line 5: label 'ugly' is unknown"):
        load_dataset(section(tmp_path, limit=1))


def test_the_classes_found_are_told_when_none_are_named(tmp_path: Path) -> None:
    put(tmp_path, "csv")
    with pytest.raises(RecipeError, match=r'has labels = \["bad", "good"\]'):
        load_dataset(section(tmp_path, labels=None))
    put(tmp_path, "jsonl", [("a", 1), ("b", 0), ("c", None), ("d", [1]), ("e", True)])
    with pytest.raises(RecipeError, match=r'has labels = \["0", "1", "true"\]'):
        load_dataset(section(tmp_path, "jsonl", labels=None))


def test_a_column_that_is_missing(tmp_path: Path) -> None:
    put(tmp_path, "csv")
    with pytest.raises(DataError, match=r"line 1: no column 'text' .*'review', 'stars'"):
        load_dataset(section(tmp_path, text_columns=["text"]))


def test_glue_directories_packed_or_not_are_the_same_dataset(
    write_glue: Callable[..., Path],
) -> None:
    found = [
        load_dataset(TaskSection(name="mrpc", data=str(write_glue("mrpc", packed=packed))))
        for packed in (False, True)
    ]
    assert found[0].digest == found[1].digest


def test_a_glue_task_from_own_files_takes_names_and_numbers(tmp_path: Path) -> None:
    text = "sentence,label\nfine,positive\ndull,0\n"
    for split in ("train", "validation"):
        (tmp_path / f"{split}.csv").write_text(text)
    fields = {"data": str(tmp_path), "train": "train.csv", "validation": "validation.csv"}
    found = load_dataset(TaskSection.model_validate({"name": "sst2", **fields}))
    assert [example.label for example in found.train] == [1, 0]
    assert found.task.name == "sst2"
    (tmp_path / "train.csv").write_text("text,mood\nfine,positive\n")
    (tmp_path / "validation.csv").write_text("text,mood\ndull,negative\n")
    renamed = {"text_columns": ["text"], "label_column": "mood"}
    found = load_dataset(TaskSection.model_validate({"name": "sst2", **fields, **renamed}))
    assert found.validation[0] == Example("validation-0", ("dull",), 0)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": "rte", "train": "a.csv"}, "name one in validation too"),
        ({"name": "rte", "text_columns": ["a", "b"]}, "text_columns is for files of your own"),
        ({"name": "rte", "validation": "matched"}, "it has one part"),
        ({"name": "stdlib-pairs", "data": "d"}, "task 'stdlib-pairs' needs no data"),
        ({"name": "rta"}, "did you mean 'rte'"),
    ],
)
def test_sections_that_contradict_themselves(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        load_dataset(TaskSection.model_validate(fields))


def test_dropped_rows_are_handed_on(write_glue: Callable[..., Path]) -> None:
    directory = write_glue("qqp")
    with (directory / "dev.tsv").open("a") as file:
        file.write("9\t9\tcut\n")
    found = load_dataset(TaskSection(name="qqp", data=str(directory)))
    assert list(found.dropped.values()) == [1]


def test_the_real_mrpc_stays_what_it_was(shared: Callable[[str], Path]) -> None:
    found = load_dataset(TaskSection(name="mrpc", data=str(shared("mrpc"))))
    assert (len(found.train), len(found.validation)) == (3668, 408)
    share = sum(example.label or 0 for example in found.validation) / 408
    assert round(100 * share, 2) == 68.38
    assert found.digest == (
        "sha256:973fe674e9ac5a98e1500ac9836a155c6a521631048c5ebdc1275c5277eab9e4"
    )


def test_conversations_texts_and_prompts(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Yes?"}]
    row = {"talk": turns, "prompt": "2 + 2 =", "completion": " 4"}
    (tmp_path / "t.jsonl").write_text(json.dumps(row) + "\n")
    table = pa.table({name: [value] for name, value in row.items()})
    parquet.write_table(table, tmp_path / "v.parquet")
    (tmp_path / "v.txt").write_text("Once.\n\nTwice.\n")
    files = {"kind": "causal-lm", "data": str(tmp_path), "train": "t.jsonl"}

    def load(validation: str, **columns: object) -> Any:
        section = TaskSection.model_validate({**files, "validation": validation, **columns})
        return load_dataset(section)

    talks = load("v.parquet", messages_column="talk")
    assert talks.train[0].turns == (("user", "Hi."), ("assistant", "Yes?"))
    assert talks.validation[0].turns == talks.train[0].turns
    pairs = load("v.parquet", text_columns=["prompt"], label_column="completion")
    assert pairs.train[0].texts == pairs.validation[0].texts == ("2 + 2 =", " 4")
    (tmp_path / "t.jsonl").write_text('{"text": "Never."}\n')
    texts = load("v.txt", text_columns=["text"])
    assert [one.texts for one in (*texts.train, *texts.validation)] == [
        ("Never.",),
        ("Once.\n\nTwice.",),
    ]
