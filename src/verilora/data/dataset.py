"""Example and Dataset: what every reader gives and every trainer takes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from verilora.data.tasks import Task
from verilora.errors import DataError

Turn = tuple[str, str]
"""Of a conversation: the role of who speaks, and what is said."""


@dataclass(frozen=True, slots=True)
class Example:
    """One or two texts and their label: a class number, a value, or None where it is unknown.

    Of a causal language model: a text, a prompt with its completion, or the turns of a
    conversation; the label is None.
    """

    id: str
    texts: tuple[str, ...]
    label: int | float | None = None
    turns: tuple[Turn, ...] = ()


@dataclass(frozen=True)
class Splits:
    """All that a source holds, and how many rows were left out, by split and reason."""

    train: list[Example]
    validation: list[Example]
    dropped: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Dataset:
    """A task's examples. `dropped` counts the rows left out, by split and reason.

    `digest` depends on task and examples alone: not on the files' format, nor on where they lay.
    """

    task: Task
    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    dropped: dict[str, int] = field(default_factory=dict)
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        for name, examples in (("training", self.train), ("validation", self.validation)):
            if not examples:
                raise DataError(
                    f"the {name} set of task '{self.task.name}' is empty; at least one row with "
                    "text and label is wanted",
                    file=None,
                    line=None,
                )
        object.__setattr__(self, "digest", digest_of_examples(self))


def take(examples: Sequence[Example], limit: int | None) -> tuple[Example, ...]:
    """The first `limit` examples, or all."""
    return tuple(examples if limit is None else examples[:limit])


def digest_of_examples(dataset: Dataset) -> str:
    """`sha256:<hex>` over one JSON line for the task and one per example, in order."""
    task = dataset.task
    splits: Mapping[str, tuple[Example, ...]] = {
        "train": dataset.train,
        "validation": dataset.validation,
    }
    hasher = hashlib.sha256(_line(task.name, task.kind, task.labels))
    for split, examples in splits.items():
        for example in examples:
            turns = (example.turns,) if example.turns else ()
            hasher.update(_line(split, example.id, example.texts, example.label, *turns))
    return f"sha256:{hasher.hexdigest()}"


def _line(*values: object) -> bytes:
    return json.dumps(values, separators=(",", ":"), allow_nan=False).encode() + b"\n"
