"""From a recipe's [task] to its examples: local files, the hub, or the standard library.

Nothing is fetched when the recipe names local data. No row is left out without being counted.
"""

from __future__ import annotations

from pathlib import Path

from verilora.data.conversations import to_language_examples
from verilora.data.dataset import Dataset, Example, Splits, take
from verilora.data.e2e import read_e2e
from verilora.data.glue import read_glue, validation_parts
from verilora.data.hub import read_hub
from verilora.data.rows import own_labelling, spell, to_examples
from verilora.data.stdlib_pairs import build_pairs
from verilora.data.tables import find_table, read_table
from verilora.data.tasks import CAUSAL, E2E, GLUE, STDLIB_PAIRS, Task, find_task
from verilora.errors import RecipeError
from verilora.records.recipe import TaskSection

__all__ = ["Dataset", "Example", "load_dataset", "task_of"]


def load_dataset(section: TaskSection) -> Dataset:
    """The dataset that a recipe's [task] section asks for.

    Raises RecipeError for a section that cannot be, DataError for data that is missing or has
    faults (file and line).
    """
    task = task_of(section)
    faults = _check_sources(section)
    if faults:
        raise RecipeError("[task]", faults)
    splits = _read(section, task)
    return Dataset(
        task,
        take(splits.train, section.limit),
        take(splits.validation, section.validation_limit),
        splits.dropped,
    )


def task_of(section: TaskSection) -> Task:
    """As `find_task`; where a classification names no labels, the error says which the file has."""
    _check_labels_given(section)
    return find_task(section)


def _read(section: TaskSection, task: Task) -> Splits:
    if section.train is not None:
        train = _read_own(section, task, split="train")
        return Splits(train, _read_own(section, task, split="validation"))
    if task.name == STDLIB_PAIRS:
        return build_pairs()
    if task.name == E2E:
        return read_e2e(Path(section.data or "").expanduser(), section.validation)
    parts = validation_parts(task, section.validation)
    if section.data is not None:
        return read_glue(task, Path(section.data).expanduser(), parts=parts)
    return read_hub(task, parts)


def _read_own(section: TaskSection, task: Task, *, split: str) -> list[Example]:
    path = _own_file(section, split)
    rows, findings = read_table(path, task.columns)
    if task.kind == CAUSAL:
        return to_language_examples(rows, findings, task=task, prefix=split)
    return to_examples(rows, findings, labelling=own_labelling(task), prefix=split)


def _own_file(section: TaskSection, split: str) -> Path:
    named = Path(getattr(section, split) or "").expanduser()
    return find_table(Path(section.data or "").expanduser() / named)


def _check_sources(section: TaskSection) -> list[str]:
    """Faults of a named task that also says where its rows are."""
    if section.name is None:
        return []
    own = [
        field
        for field in ("data", "train", "validation", "text_columns", "label_column")
        if getattr(section, field) is not None
    ]
    if section.name == E2E:
        return _check_e2e(section, own)
    if section.name not in GLUE:
        return [f"task '{section.name}' needs no {', '.join(own)}"] if own else []
    if section.train is None:
        wrong = [field for field in own if field not in ("data", "validation")]
        return [
            f"{field} is for files of your own; name them in train and validation too"
            for field in wrong
        ]
    if section.validation is None:
        return ["train names a file of your own; name one in validation too"]
    return []


def _check_e2e(section: TaskSection, own: list[str]) -> list[str]:
    wrong = [field for field in own if field not in ("data", "validation")]
    faults = [f"task 'e2e' reads its own files and needs no {', '.join(wrong)}"] if wrong else []
    if section.data is None:
        faults.append(
            "data is missing: the directory of the E2E challenge's files is wanted "
            "(trainset.csv, devset.csv, testset_w_refs.csv of github.com/tuetschek/e2e-dataset)"
        )
    return faults


def _check_labels_given(section: TaskSection) -> None:
    """Names the classes found in the training file when the recipe names none."""
    if section.kind != "classification" or section.labels is not None:
        return
    path = _own_file(section, "train")
    rows, findings = read_table(path, (section.label_column or "",))
    labels = (label for _, (label,) in rows)
    found = sorted(
        {spell(one) for one in labels if isinstance(one, str | int | float) and one != ""}
    )
    findings.raise_faults()
    listed = ", ".join(f'"{label}"' for label in found[:10]) + (", ..." if found[10:] else "")
    raise RecipeError(
        "[task]",
        [
            f"labels is missing: the classes in the order of their numbers are wanted; {path} "
            f"has labels = [{listed}]"
        ],
    )
