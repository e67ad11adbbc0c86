"""Tasks: what goes in, what is predicted, how it is scored. Knows no file and no model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from verilora.errors import RecipeError, nearest
from verilora.records.recipe import TaskSection
from verilora.scores.measure import SCORES

Kind = Literal["classification", "regression", "causal-lm"]
CAUSAL = "causal-lm"
STDLIB_PAIRS = "stdlib-pairs"
E2E = "e2e"


@dataclass(frozen=True)
class MetricFacts:
    """What a metric can be asked of: a kind of task, and so many classes (None: any number)."""

    kind: Kind
    classes: int | None = None
    unit: Literal["percent", "points"] = "percent"
    """Points are those of the metric's own scale."""
    lower_is_better: bool = False
    written: bool = False
    """Measured on what the model writes after its prompts: once, when training is over."""


METRICS: dict[str, MetricFacts] = {
    "accuracy": MetricFacts("classification"),
    "f1": MetricFacts("classification", classes=2),
    "macro_f1": MetricFacts("classification"),
    "matthews": MetricFacts("classification"),
    "pearson": MetricFacts("regression"),
    "spearman": MetricFacts("regression"),
    "perplexity": MetricFacts("causal-lm", unit="points", lower_is_better=True),
    "token_accuracy": MetricFacts("causal-lm"),
    **{name: MetricFacts("causal-lm", unit="points", written=True) for name in SCORES},
}
"""Every metric by name; `verilora.data.metrics` measures them, `verilora.data.written` the scores
of what was written."""


@dataclass(frozen=True)
class Task:
    """One task: its columns, the names of its classes in the order of their numbers, its metrics.

    `labels` is empty for a regression, whose labels are numbers within `label_range` if there is
    one, and for a causal language model. The first of `metrics` is the main one.
    """

    name: str
    kind: Kind
    text_columns: tuple[str, ...]
    label_column: str
    labels: tuple[str, ...]
    metrics: tuple[str, ...]
    label_range: tuple[float, float] | None = None
    messages_column: str | None = None
    """Of conversations; None for every other form."""
    separated: bool = False
    """The token that begins texts also stands between prompt and completion, and ends both."""

    @property
    def columns(self) -> tuple[str, ...]:
        """What is read of a file: the texts' columns and, last, the label's where there is one."""
        if self.messages_column is not None:
            return (self.messages_column,)
        return (*self.text_columns, *([self.label_column] if self.label_column else []))

    @property
    def foretold(self) -> tuple[str, ...]:
        """The metrics of every evaluation: all but those of what is written at last."""
        return tuple(name for name in self.metrics if not METRICS[name].written)

    @property
    def written(self) -> tuple[str, ...]:
        """The metrics of what a causal language model writes when training is over."""
        return tuple(name for name in self.metrics if METRICS[name].written)

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
    E2E: Task(
        E2E,
        CAUSAL,
        ("mr",),
        "ref",
        labels=(),
        metrics=(
            *("perplexity", "token_accuracy"),
            *("bleu", "nist", "meteor_exact_stem", "rouge_l", "cider"),
        ),
        separated=True,
    ),
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
    faults = [
        *_check_labels(section, task),
        *_check_columns(section, task),
        *_check_metrics(task),
    ]
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
    usual: dict[str, tuple[str, ...]] = {
        "classification": ("accuracy", "f1" if len(labels) == 2 else "macro_f1"),
        "regression": ("pearson", "spearman"),
        CAUSAL: ("perplexity", "token_accuracy"),
    }
    return Task(
        "own",
        section.kind or "classification",
        section.text_columns or (),
        section.label_column or "",
        labels=labels,
        metrics=usual[section.kind or ""] if section.metrics is None else section.metrics,
        messages_column=section.messages_column,
    )


def _check_labels(section: TaskSection, task: Task) -> list[str]:
    if section.name is not None:
        if section.labels not in (None, task.labels):
            return [f"task '{task.name}' has its own labels ({', '.join(task.labels) or 'none'})"]
        if len(task.text_columns) != len(_NAMED[task.name].text_columns):
            return [f"task '{task.name}' wants {len(_NAMED[task.name].text_columns)} text_columns"]
        return []
    if task.kind != "classification":
        return ["labels are for classification; leave them out"] if task.labels else []
    if len(task.labels) < 2:
        return [
            f"labels names {len(task.labels)} classes; two or more are wanted, in the order of "
            'their numbers: labels = ["no", "yes"]'
        ]
    twice = sorted({label for label in task.labels if task.labels.count(label) > 1})
    return [f"labels names {', '.join(map(repr, twice))} twice"] if twice else []


def _check_columns(section: TaskSection, task: Task) -> list[str]:
    if task.kind != CAUSAL:
        wrong = section.messages_column is not None
        return ["messages_column is for kind 'causal-lm'; leave it out"] if wrong else []
    if task.messages_column is not None and task.label_column:
        return [
            "label_column names completions, and messages_column conversations, which hold their "
            "own answers; leave one of them out"
        ]
    if len(task.text_columns) > 1:
        return [
            f"text_columns names {len(task.text_columns)} columns; one is wanted: of the texts, or "
            "of the prompts, with the completions in label_column"
        ]
    return []


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
    elif task.metrics[0] in METRICS and METRICS[task.metrics[0]].written:
        faults.append(
            f"metrics begins with '{task.metrics[0]}', measured when training is over; the "
            "first one chooses while it goes on: name perplexity or token_accuracy first"
        )
    return faults
