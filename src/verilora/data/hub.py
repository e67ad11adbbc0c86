"""GLUE from the hub, through the datasets library. The only file of this room with a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import datasets
import numpy as np

from verilora.data.dataset import Example, Splits
from verilora.data.tasks import Task
from verilora.errors import DataError

HUB_ID = "nyu-mll/glue"
REVISION = "bcdcba79d07bc864c1c254ccfcedcce55bcc9a8c"
"""The hub's commit: the same data for everybody, whatever is changed there later."""


def read_hub(task: Task, parts: Sequence[str]) -> Splits:
    """The task's training and validation examples from the hub, or from its local cache.

    Raises DataError, which says how to give a local directory, if neither answers.
    """
    try:
        tables = datasets.load_dataset(HUB_ID, task.name, revision=REVISION)
    # The library and those below it raise what they like: ConnectionError, OSError, ValueError.
    except Exception as error:
        raise DataError(
            f"task '{task.name}' cannot be had from the hub ({HUB_ID}): "
            f"{type(error).__name__}: {_first_line(error)}\n"
            'Give a directory that holds its files: data = "DIR" under [task] in the recipe, or '
            "--set task.data=DIR",
            file=None,
            line=None,
        ) from error
    train = _examples(task, tables["train"], prefix="train")
    names = [f"validation_{part}" if part else "validation" for part in parts]
    validation = [
        example for name in names for example in _examples(task, tables[name], prefix=name)
    ]
    return Splits(train, validation)


def _examples(task: Task, table: Any, *, prefix: str) -> list[Example]:
    feature = table.features[task.label_column]
    if task.labels and tuple(feature.names) != task.labels:
        raise DataError(
            f"the hub's '{task.name}' has the labels {', '.join(feature.names)}, and "
            f"{', '.join(task.labels)} are wanted, in this order",
            file=None,
            line=None,
        )
    columns = table[:]
    wanted = [columns[column] for column in (*task.text_columns, task.label_column)]
    examples = []
    for number, (*texts, label) in enumerate(zip(*wanted, strict=True)):
        value = label if task.labels else _as_written(label)
        if value < 0:
            raise DataError(
                f"the hub's '{task.name}' has no label for {prefix} {number}", file=None, line=None
            )
        examples.append(Example(f"{prefix}-{number}", tuple(texts), value))
    return examples


def _as_written(score: float) -> float:
    """3.2, where the hub's float32 gives 3.200000047683716: as GLUE's own files have it."""
    return float(str(np.float32(score)))


def _first_line(error: Exception) -> str:
    return (str(error).strip() or "no reason given").splitlines()[0]
