"""Tasks: what goes in, what is predicted, how it is scored. Knows no file and no model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from verilora.errors import RecipeError, nearest
from verilora.records.recipe import TaskSection

Kind = Literal["classification", "regression"]
STDLIB_PAIRS = "stdlib-pairs"


@dataclass(frozen=True)
class MetricFacts:
    """What a metric can be asked of: a kind of task, and so many classes (None: any number)."""

    kind: Kind
    classes: int | None = None


METRICS: dict[str, MetricFacts] = {
    "accuracy": MetricFacts("classification"),
    "f1": MetricFacts("classification", classes=2),
    "macro_f1": MetricFacts("classification"),
    "matthews": MetricFacts("classification"),
    "pearson": MetricFacts("regression"),
    "spearman": MetricFacts("regression"),
}
"""Every metric by name; `verilora.data.metrics` measures them."""


@dataclass(frozen=True)
class Task:
    """One task: its columns, the names of its classes in the order of their numbers, its metrics.

    `labels` is empty for a regression, whose labels are numbers within `label_range` if there is
    one. The first of `metrics` is the main one.
    """

    name: str
    kind: Kind
    text_columns: tuple[str, ...]
    label_column: str
    labels: tuple[str, ...]
    metrics: tuple[str, ...]
    label_range: tuple[float, float] | None = None

    @property
    def outputs(self) -> int:
        """How many numbers a model gives per example: one per class, or one value."""
        return len(self.labels) or 1


def _classes(name: str, columns: tuple[str, ...], *labels: str) -> Task:
    return Task(name, "classification", columns, "label", labels=labels, metrics=("accuracy",))


_SENTENCES = ("sentence1", "sentence2")
_AND_F1 = ("accuracy", "f1")

GLUE: dict[str, Task] = {
    task.name: task
    for task in (
        replace(
            _classes("cola", ("sentence",), "unacceptable", "acceptable"), metrics=("matthews",)
        ),
        _classes("sst2", ("sentence",), "negative", "positive"),
        replace(_classes("mrpc", _SENTENCES, "not_equivalent", "equivalent"), metrics=_AND_F1),
        Task(
            "stsb",
            "regression",
            _SENTENCES,
            "label",
            labels=(),
            metrics=("pearson", "spearman"),
            label_range=(0.0, 5.0),
        ),
        replace(
            _classes("qqp", ("question1", "question2"), "not_duplicate", "duplicate"),
            metrics=_AND_F1,
        ),
        _classes("mnli", ("premise", "hypothesis"), "entailment", "neutral", "contradiction"),
        _classes("qnli", ("question", "sentence"), "entailment", "not_entailment"),
        _classes("rte", _SENTENCES, "entailment", "not_entailment"),
        _classes("wnli", _SENTENCES, "not_entailment", "entailment"),
    )
}
"""The nine GLUE tasks with columns, label order and metrics as the hub's nyu-mll/glue has them.

Source: Wang et al. 2019, arXiv:1804.07461, table 1 (metrics). MNLI's validation set is the
matched and the mismatched part together, as in Hu et al. 2021, arXiv:2106.09685, table 2.
"""

_NAMED = {
    **GLUE,
    STDLIB_PAIRS: replace(
        _classes(STDLIB_PAIRS, ("function", "description"), "no", "yes"), metrics=_AND_F1
    ),
}


def task_names() -> tuple[str, ...]:
    """The names that a recipe's [task] may give."""
    return tuple(_NAMED)


def find_task(section: TaskSection) -> Task:
    """The task that a recipe's [task] section asks for.

    A name brings everything; only `metrics` may be replaced, and the columns where the files are
    named too. A kind takes all from the section. Raises RecipeError with every fault found.
    """
    if section.name is not None and section.name not in _NAMED:
        known = ", ".join(_NAMED)
        raise RecipeError(
            "[task]",
            [
                f"there is no task '{section.name}'{nearest(section.name, _NAMED)} "
                f"(known: {known}; or give kind and files of your own)"
            ],
        )
    task = _own(section) if section.name is None else _named(section)
    faults = [*_check_labels(section, task), *_check_metrics(task)]
    if faults:
        raise RecipeError("[task]", faults)
    return task


def _named(section: TaskSection) -> Task:
    task = _NAMED[section.name or ""]
    return replace(
        task,
        text_columns=section.text_columns or task.text_columns,
        label_column=section.label_column or task.label_column,
        metrics=task.metrics if section.metrics is None else section.metrics,
    )


def _own(section: TaskSection) -> Task:
    labels = section.labels or ()
    if section.kind == "regression":
        usual: tuple[str, ...] = ("pearson", "spearman")
    else:
        usual = ("accuracy", "f1") if len(labels) == 2 else ("accuracy", "macro_f1")
    return Task(
        "own",
        section.kind or "classification",
        section.text_columns or (),
        section.label_column or "",
        labels=labels,
        metrics=usual if section.metrics is None else section.metrics,
    )


def _check_labels(section: TaskSection, task: Task) -> list[str]:
    if section.name is not None:
        if section.labels not in (None, task.labels):
            return [f"task '{task.name}' has its own labels ({', '.join(task.labels) or 'none'})"]
        if len(task.text_columns) != len(_NAMED[task.name].text_columns):
            return [f"task '{task.name}' wants {len(_NAMED[task.name].text_columns)} text_columns"]
        return []
    if task.kind == "regression":
        return ["labels are for classification; leave them out"] if task.labels else []
    if len(task.labels) < 2:
        return [
            f"labels names {len(task.labels)} classes; two or more are wanted, in the order of "
            'their numbers: labels = ["no", "yes"]'
        ]
    twice = sorted({label for label in task.labels if task.labels.count(label) > 1})
    return [f"labels names {', '.join(map(repr, twice))} twice"] if twice else []


def _check_metrics(task: Task) -> list[str]:
    faults = []
    for name in task.metrics:
        metric = METRICS.get(name)
        if metric is None:
            known = ", ".join(METRICS)
            faults.append(f"there is no metric '{name}'{nearest(name, METRICS)} (known: {known})")
        elif metric.kind != task.kind:
            faults.append(f"metric '{name}' is for {metric.kind}, and this task is {task.kind}")
        elif metric.classes not in (None, len(task.labels)):
            faults.append(
                f"metric '{name}' is for {metric.classes} classes, and this task has "
                f"{len(task.labels)}; 'macro_{name}' takes any number"
            )
    if not task.metrics:
        faults.append("metrics is empty; name at least one, the first one is the main one")
    return faults
