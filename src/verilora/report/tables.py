"""The tables of a run's page, as text: results, what was trained, on what, how to check."""

from __future__ import annotations

import math
from typing import NamedTuple

from verilora.charts.words import (
    CORRELATIONS,
    OWN_SCALE,
    metric_label,
    metric_name,
    seconds_told,
    share_told,
)
from verilora.records.recipe import Recipe
from verilora.records.run import Run


class Row(NamedTuple):
    """One line of the table of results, as text."""

    name: str
    value: str
    majority: str
    difference: str
    main: bool


def figures(run: Run) -> list[tuple[str, str]]:
    """Large numbers, and what each counts."""
    share = share_told(run.parameters.trainable, run.parameters.total)
    main = run.metrics[run.main_metric].value
    percent = "" if run.main_metric in (*CORRELATIONS, *OWN_SCALE) else " %"
    speed = run.timings.train_tokens / max(run.timings.train_seconds, 1e-9)
    return [
        (f"{main:.1f}{percent}", f"{metric_name(run.main_metric)} on validation"),
        (f"{run.parameters.trainable:,}", f"trained parameters, {share} of all"),
        (seconds_told(run.timings.total_seconds), "in all, loading and evaluation included"),
        (f"{speed:,.0f}", "tokens a second while training"),
    ]


def results(run: Run) -> list[Row]:
    """The main metric first, the loss last."""
    names = sorted(run.metrics, key=lambda name: (name != run.main_metric, name == "loss"))
    return [_row(name, run) for name in names]


def _row(name: str, run: Run) -> Row:
    metric = run.metrics[name]
    digits = 4 if metric.unit == "loss" else 2
    majority = run.data.majority.get(name)
    difference = f"{metric.value - majority.value:+.{digits}f}" if majority else ""
    loss = "loss (squared error)" if run.main_metric in CORRELATIONS else "loss (nats)"
    return Row(
        name=loss if metric.unit == "loss" else metric_label(name),
        value=f"{metric.value:.{digits}f}",
        majority=f"{majority.value:.{digits}f}" if majority else "–",
        difference=difference.replace("-", "−") or "–",
        main=name == run.main_metric,
    )


def measured(run: Run) -> str:
    """On how many examples, how surely, and which weights."""
    count, best = run.selection.evaluations, run.selection.rule == "best"
    which = f"the best by {run.selection.metric}" if best else "the last"
    chosen = f"{which} of {count} evaluations" if count > 1 else "the only evaluation"
    return (
        f"Measured on {run.data.validation_rows:,} validation examples{_uncertainty(run)}. The "
        f"weights handed over are those of step {run.selection.step:,}, {chosen}."
    )


def _uncertainty(run: Run) -> str:
    """What the number of examples allows: the 95 % interval of a share, normal approximation."""
    if run.main_metric != "accuracy":
        return ""
    share, count = run.metrics["accuracy"].value / 100, run.data.validation_rows
    points = 196 * math.sqrt(share * (1 - share) / count)
    return (
        f", which tell an accuracy to about ±{points:.1f} points (95 %; another seed may differ "
        "by more)"
    )


def trained(run: Run, recipe: Recipe) -> list[tuple[str, str]]:
    """Names and values: the model and its training."""
    counts = run.parameters
    rows = [("base", recipe.model.id), ("parameters in all", f"{counts.total:,}")]
    rows += [("trained", f"{counts.trainable:,} ({share_told(counts.trainable, counts.total)})")]
    if run.method == "lora":
        frozen = recipe.training.frozen_a
        name = "adapter, A not trained" if frozen else "of these adapter"
        rows += [(name, f"{counts.adapter:,}")]
    if counts.head and run.method != "full":
        rows += [("of these task head", f"{counts.head:,}")]
    rows += [
        ("steps", f"{run.steps:,}, each of {recipe.training.batch_size} examples"),
        ("learning rate", f"{recipe.training.learning_rate:g}, {recipe.training.schedule}"),
        ("training loss", f"{run.loss_first:.4f} at first, {run.loss_last:.4f} at last"),
        ("time to train", seconds_told(run.timings.train_seconds)),
        ("time to evaluate", seconds_told(run.timings.evaluate_seconds)),
    ]
    return rows


def data_told(run: Run) -> list[tuple[str, str]]:
    """Names and values: the data, and the memory."""
    data = run.data
    dropped = [f"{count:,}: {reason}" for reason, count in data.dropped.items() if count]
    rows = [
        ("training examples", f"{data.train_rows:,}"),
        ("validation examples", f"{data.validation_rows:,}"),
        ("rows left out", "\n".join(dropped) or "none"),
        ("texts cut to the length limit", f"{data.truncated:,}"),
        ("examples seen", f"{run.timings.train_examples:,}"),
        ("tokens seen", f"{run.timings.train_tokens:,}, padding not counted"),
    ]
    if run.memory.peak_bytes is not None:
        rows.append(("memory at the peak", f"{run.memory.peak_bytes / 1e6:,.0f} MB"))
    if run.memory.planned_bytes is not None:
        rows.append(("memory as planned", f"{run.memory.planned_bytes / 1e6:,.0f} MB"))
    return rows


def checks(run: Run) -> list[tuple[str, str]]:
    """What a command shows, and the command."""
    checks = [("Evaluate the saved weights again and compare every number:", "verilora evaluate .")]
    if run.digests.adapter:
        begin = run.digests.adapter.removeprefix("sha256:")[:12]
        told = f"The adapter's own digest; it must begin with {begin}:"
        checks.append((told, "sha256sum adapter/adapter_model.safetensors"))
    name = run.recipe.rsplit("/", 1)[-1]
    told = (
        "Train it again from the recipe; on the same machine type with as many threads the "
        "adapter is the same to the byte:"
    )
    return [*checks, (told, f"verilora train recipe.toml --out ../{name}-again")]
