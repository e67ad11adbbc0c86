"""From a table's rows to examples: texts are texts, labels are known, or the row is a fault."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from verilora.data.dataset import Example
from verilora.data.findings import Findings
from verilora.data.tables import Row
from verilora.data.tasks import GLUE, Task
from verilora.errors import DataError, nearest

Labelling = Callable[[Any], int | float]


def to_examples(
    rows: Iterable[Row],
    findings: Findings,
    *,
    labelling: Labelling,
    prefix: str,
    unlabelled: Mapping[Any, str] | None = None,
) -> list[Example]:
    """Examples of rows (line, (text, ..., label)); their ids are `prefix`, "-" and 0, 1, 2, ...

    A label in `unlabelled` drops its row for the reason given there. Raises one DataError for
    all faults of the file, or if it holds no row.
    """
    examples: list[Example] = []
    for line, (*texts, label) in rows:
        if unlabelled and label in unlabelled:
            findings.drop(unlabelled[label])
            continue
        try:
            _check_texts(texts)
            value = labelling(label)
        except ValueError as error:
            findings.fault(line, str(error))
        else:
            examples.append(Example(f"{prefix}-{len(examples)}", tuple(texts), value))
    findings.raise_faults()
    if not examples:
        raise DataError(
            f"{findings.path} holds no rows; at least one with text and label is wanted",
            file=str(findings.path),
            line=None,
        )
    return examples


def class_labelling(spellings: Mapping[str, int]) -> Labelling:
    """Spelling -> class number. Numbers and truth values count by the way JSON spells them."""

    def number_of(value: Any) -> int:
        spelt = spell(value)
        if spelt not in spellings:
            wanted = ", ".join(f"'{name}'" for name in spellings)
            raise ValueError(
                f"label '{spelt}' is unknown{nearest(spelt, spellings)} (wanted: {wanted})"
            )
        return spellings[spelt]

    return number_of


def value_labelling(label_range: tuple[float, float] | None = None) -> Labelling:
    """The number that a label is or spells: finite, and within the range if there is one."""

    def value_of(value: Any) -> float:
        spelt = spell(value)
        try:
            number = float(spelt)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise ValueError(f"label '{spelt}' is no finite number")
        if label_range and not label_range[0] <= number <= label_range[1]:
            low, high = label_range
            raise ValueError(f"label {spelt} is outside {low:g} to {high:g}")
        return number

    return value_of


def own_labelling(task: Task) -> Labelling:
    """Of files of the user's own: a number, or the task's class names as they stand.

    A task of GLUE also takes the hub's class numbers.
    """
    if task.kind == "regression":
        return value_labelling(task.label_range)
    by_name = {name: number for number, name in enumerate(task.labels)}
    by_number = {str(number): number for number in by_name.values()}
    return class_labelling({**by_name, **by_number} if task.name in GLUE else by_name)


def spell(value: Any) -> str:
    """A label as JSON spells it, whole numbers without a fraction. Raises ValueError for none."""
    if value is None or value == "":
        raise ValueError("the label is missing")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, str | int | float):
        return str(value)
    raise ValueError(f"the label is {value!r}; a string or a number is wanted")


def _check_texts(texts: list[Any]) -> None:
    for text in texts:
        if not isinstance(text, str):
            found = "missing" if text is None else f"{text!r}"
            raise ValueError(f"a text is {found}; a string is wanted")
    if not any(text.strip() for text in texts):
        raise ValueError("the text is empty")
