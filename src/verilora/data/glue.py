"""GLUE's own files: train.tsv and dev.tsv of nine tasks, and MRPC as its makers gave it out.

Quotes are plain characters in all of them. Column names and spellings of the labels are those of
the official files (Wang et al. 2019, arXiv:1804.07461); everything else in a row is left alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from verilora.data.dataset import Example, Splits
from verilora.data.findings import Findings
from verilora.data.rows import class_labelling, to_examples, value_labelling
from verilora.data.tables import Row, find_table, read_tsv
from verilora.data.tasks import Task
from verilora.errors import DataError, RecipeError, nearest

NUMBERS = "numbers"
NAMES = "names"


@dataclass(frozen=True)
class Layout:
    """How one task's files look."""

    columns: tuple[str, ...]
    """Of the texts and, last, of the label."""
    spelling: str = NUMBERS
    """Whether the files hold the classes' numbers or their names."""
    header: tuple[str, ...] | None = None
    """The columns where the files have no header line."""
    truncated: str | None = None
    """Why rows with too few fields are dropped; None where no official file has any."""
    unlabelled: Mapping[str, str] = field(default_factory=dict)
    """Label -> why its rows are dropped."""
    parts: tuple[str, ...] = ("",)
    """The validation set's parts."""


_SENTENCES = ("sentence1", "sentence2")

LAYOUTS: dict[str, Layout] = {
    "cola": Layout(("sentence", "label"), header=("source", "label", "star", "sentence")),
    "sst2": Layout(("sentence", "label")),
    "mrpc": Layout(("#1 String", "#2 String", "Quality")),
    "stsb": Layout((*_SENTENCES, "score")),
    # A few questions of the official files hold a newline, which cuts their row in two.
    "qqp": Layout(
        ("question1", "question2", "is_duplicate"),
        truncated="part of a row that a newline cuts in two, as in the official QQP files",
    ),
    "mnli": Layout(
        (*_SENTENCES, "gold_label"),
        spelling=NAMES,
        unlabelled={"-": "no gold label ('-'), as in the original MultiNLI files"},
        parts=("matched", "mismatched"),
    ),
    "qnli": Layout(("question", "sentence", "label"), spelling=NAMES),
    "rte": Layout((*_SENTENCES, "label"), spelling=NAMES),
    "wnli": Layout((*_SENTENCES, "label")),
}

MRPC_ORIGINAL = "msr_paraphrase_train.txt"
MRPC_DEV_IDS = "dev_ids.tsv"
_MRPC_IDS = ("#1 ID", "#2 ID")


def read_glue(task: Task, directory: Path, *, parts: Sequence[str]) -> Splits:
    """The task's splits from a directory of its usual files, each plain or gzipped.

    Raises DataError for a file that is missing or has a fault (file and line).
    """
    _check_directory(task, directory)
    if task.name == "mrpc" and not _there(directory / "train.tsv"):
        return _read_original_mrpc(task, directory)
    dropped: Counter[str] = Counter()
    train_file = find_table(directory / "train.tsv")
    train = _read_split(task, train_file, prefix="train", dropped=dropped)
    validation = []
    for part in parts:
        path = find_table(directory / f"dev{_joined(part)}.tsv")
        validation += _read_split(task, path, prefix=f"validation{_joined(part)}", dropped=dropped)
    return Splits(train, validation, dict(dropped))


def validation_parts(task: Task, wanted: str | None) -> tuple[str, ...]:
    """The parts of the task's validation set: all of them, or the one that is wanted."""
    parts = LAYOUTS[task.name].parts
    if wanted is None:
        return parts
    if wanted in parts and wanted:
        return (wanted,)
    known = [part for part in parts if part]
    choice = f"one of {', '.join(known)}" if known else "nothing (it has one part)"
    raise RecipeError(
        "[task]",
        [
            f"validation is '{wanted}'{nearest(wanted, known)}; of task '{task.name}', {choice} "
            "is wanted there, or files of your own for both train and validation"
        ],
    )


def _read_split(task: Task, path: Path, *, prefix: str, dropped: Counter[str]) -> list[Example]:
    layout, findings = LAYOUTS[task.name], Findings(path)
    rows = read_tsv(findings, layout.columns, header=layout.header, truncated=layout.truncated)
    examples = _to_examples(task, rows, findings=findings, prefix=prefix)
    dropped.update({f"{prefix}: {why}": count for why, count in findings.dropped.items()})
    return examples


def _to_examples(
    task: Task, rows: Iterator[Row], *, findings: Findings, prefix: str
) -> list[Example]:
    layout = LAYOUTS[task.name]
    if task.kind == "regression":
        labelling = value_labelling(task.label_range)
    else:
        by_name = {name: number for number, name in enumerate(task.labels)}
        by_number = {str(number): number for number in by_name.values()}
        labelling = class_labelling(by_name if layout.spelling == NAMES else by_number)
    return to_examples(
        rows, findings, labelling=labelling, prefix=prefix, unlabelled=layout.unlabelled
    )


def _read_original_mrpc(task: Task, directory: Path) -> Splits:
    """GLUE's split of the original distribution: the pairs of dev_ids.tsv are the dev set."""
    if not _there(directory / MRPC_ORIGINAL):
        raise DataError(
            f"{directory} holds neither train.tsv nor the original {MRPC_ORIGINAL} with "
            f"{MRPC_DEV_IDS}; one of them is wanted, plain or .gz",
            file=str(directory),
            line=None,
        )
    path = find_table(directory / MRPC_ORIGINAL)
    held_out = _read_dev_ids(find_table(directory / MRPC_DEV_IDS))
    findings = Findings(path)
    rows = list(read_tsv(findings, (*_MRPC_IDS, *LAYOUTS["mrpc"].columns)))
    findings.raise_faults()
    missing = held_out - {values[:2] for _, values in rows}
    if missing:
        first = " and ".join(min(missing))
        raise DataError(
            f"{path} lacks {len(missing)} of the {len(held_out)} pairs that {MRPC_DEV_IDS} names "
            f"(such as {first}); fetch both files whole",
            file=str(path),
            line=None,
        )

    def split(prefix: str, *, held: bool) -> list[Example]:
        chosen = ((line, v[2:]) for line, v in rows if (v[:2] in held_out) is held)
        return _to_examples(task, chosen, findings=findings, prefix=prefix)

    return Splits(split("train", held=False), split("validation", held=True))


def _read_dev_ids(path: Path) -> set[tuple[Any, ...]]:
    findings = Findings(path)
    pairs = {values for _, values in read_tsv(findings, _MRPC_IDS, header=_MRPC_IDS)}
    findings.raise_faults()
    return pairs


def _check_directory(task: Task, directory: Path) -> None:
    if not directory.is_dir():
        found = "a file" if directory.exists() else "not there"
        raise DataError(
            f"[task] data is {directory}, which is {found}; a directory with the files of "
            f"'{task.name}' is wanted (train.tsv and dev.tsv, plain or .gz)",
            file=str(directory),
            line=None,
        )


def _there(path: Path) -> bool:
    return path.is_file() or path.with_name(f"{path.name}.gz").is_file()


def _joined(part: str) -> str:
    return f"_{part}" if part else ""
