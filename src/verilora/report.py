"""report.html: a finished run told to a person, on one page that loads nothing.

Made from the records in the run directory alone (run.json, events.jsonl, recipe.toml, and
explain.json where it is). Every text of the records is escaped. Must not know models or data.
"""

from __future__ import annotations

import json
import math
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

from verilora import __version__
from verilora.atomic import write_whole
from verilora.charts import svg
from verilora.charts.panels import panels, read_events, read_run
from verilora.charts.words import (
    CORRELATIONS,
    metric_label,
    metric_name,
    metric_told,
    seconds_told,
    share_told,
)
from verilora.errors import DataError, VeriloraError
from verilora.records.recipe import Recipe
from verilora.records.run import Run

METHODS = {
    "lora": "LoRA of rank {rank} on {targets}, with {head},",
    "head": "The task head alone, on a frozen base,",
    "full": "The whole model, every weight of it,",
}


LAYER = {
    "path": "module",
    "name": "part",
    "kind": "kind",
    "rule": "rule",
    "rank": "rank",
    "scale": "scale",
    "parameters": "parameters",
    "relative_norm": "‖ΔW‖/‖W‖",
}


class Row(NamedTuple):
    """One line of the table of results, as text."""

    name: str
    value: str
    majority: str
    difference: str
    main: bool


def write_report(directory: Path) -> Path:
    """Writes `report.html` into the run directory and returns its path.

    Raises DataError if run.json, recipe.toml or events.jsonl are missing or damaged, OutputError
    if the page cannot be written.
    """
    directory = Path(directory)
    path = directory / "report.html"
    write_whole(path, render(directory).encode())
    return path


def render(directory: Path) -> str:
    """The page as text."""
    run = read_run(directory)
    recipe, recipe_text = _read_recipe(directory)
    drawn = panels(run, read_events(directory))
    page = _environment().get_template("report.html")
    return page.render(
        run=run,
        recipe=recipe,
        recipe_text=recipe_text,
        headline=metric_told(run.main_metric, run.metrics[run.main_metric].value),
        story=story(run, recipe),
        figures=_figures(run),
        results=_results(run),
        measured=_measured(run),
        drawings=[svg.lay_out(panel) for panel in drawn],
        box=svg,
        tables=[_trained(run, recipe), _data(run)],
        layers=_layers(directory),
        layer_columns=LAYER,
        checks=_checks(run),
        digests=[(name, value) for name, value in run.digests.to_mapping().items() if value],
        version=__version__,
    )


def story(run: Run, recipe: Recipe) -> list[str]:
    """What happened, in a few sentences; the first one is the result."""
    adapter = recipe.adapter
    targets = adapter.target_modules or adapter.target_parameters
    trained = METHODS[run.method].format(
        rank=adapter.rank,
        targets=targets if isinstance(targets, str) else _listed(targets),
        head="the task head" if run.parameters.head else "nothing else",
    )
    value = run.metrics[run.main_metric].value
    reached = metric_told(run.main_metric, value)
    first = (
        f"{trained} was trained on {run.data.train_rows:,} examples for {run.steps:,} steps and "
        f"reaches {reached} on {run.data.validation_rows:,} examples that it was not trained on."
    )
    sentences = [first, *_against_majority(run, value)]
    if run.selection.rule == "best" and run.selection.evaluations > 1:
        sentences.append(
            f"These weights are the best of {run.selection.evaluations} evaluations on the same "
            "examples, so the number is a little better than new examples would give."
        )
    if run.resumed:
        times = "once" if run.resumed == 1 else f"{run.resumed} times"
        sentences.append(f"The run was stopped and taken up again {times}.")
    return sentences


def _against_majority(run: Run, value: float) -> list[str]:
    if run.main_metric not in run.data.majority:
        return []
    majority = run.data.majority[run.main_metric].value
    always = metric_told(run.main_metric, majority)
    if value <= majority:
        return [f"That is no better than always giving the most frequent answer ({always})."]
    return [
        f"Always giving the most frequent answer would reach {always}: "
        f"the run is {value - majority:.1f} points above that."
    ]


def _figures(run: Run) -> list[tuple[str, str]]:
    """Large numbers, and what each counts."""
    share = share_told(run.parameters.trainable, run.parameters.total)
    main = run.metrics[run.main_metric].value
    percent = "" if run.main_metric in CORRELATIONS else " %"
    speed = run.timings.train_tokens / max(run.timings.train_seconds, 1e-9)
    return [
        (f"{main:.1f}{percent}", f"{metric_name(run.main_metric)} on validation"),
        (f"{run.parameters.trainable:,}", f"trained parameters, {share} of all"),
        (seconds_told(run.timings.total_seconds), "in all, loading and evaluation included"),
        (f"{speed:,.0f}", "tokens a second while training"),
    ]


def _results(run: Run) -> list[Row]:
    names = sorted(run.metrics, key=lambda name: (name != run.main_metric, name == "loss"))
    return [_row(name, run) for name in names]


def _row(name: str, run: Run) -> Row:
    metric = run.metrics[name]
    digits = 4 if metric.unit == "loss" else 2
    majority = run.data.majority.get(name)
    difference = f"{metric.value - majority.value:+.{digits}f}" if majority else ""
    loss = "loss (squared error)" if run.main_metric in CORRELATIONS else "loss (nats)"
    return Row(
        name=metric_label(name) if metric.unit == "percent" else loss,
        value=f"{metric.value:.{digits}f}",
        majority=f"{majority.value:.{digits}f}" if majority else "–",
        difference=difference.replace("-", "−") or "–",
        main=name == run.main_metric,
    )


def _measured(run: Run) -> str:
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


def _trained(run: Run, recipe: Recipe) -> list[tuple[str, str]]:
    counts = run.parameters
    rows = [("base", recipe.model.id), ("parameters in all", f"{counts.total:,}")]
    rows += [("trained", f"{counts.trainable:,} ({share_told(counts.trainable, counts.total)})")]
    if run.method == "lora":
        rows += [("of these adapter", f"{counts.adapter:,}")]
    rows += [("of these task head", f"{counts.head:,}")] if run.method != "full" else []
    rows += [
        ("steps", f"{run.steps:,}, each of {recipe.training.batch_size} examples"),
        ("learning rate", f"{recipe.training.learning_rate:g}, {recipe.training.schedule}"),
        ("training loss", f"{run.loss_first:.4f} at first, {run.loss_last:.4f} at last"),
        ("time to train", seconds_told(run.timings.train_seconds)),
        ("time to evaluate", seconds_told(run.timings.evaluate_seconds)),
    ]
    return rows


def _data(run: Run) -> list[tuple[str, str]]:
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


def _checks(run: Run) -> list[tuple[str, str]]:
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


def _read_recipe(directory: Path) -> tuple[Recipe, str]:
    path = Path(directory) / "recipe.toml"
    try:
        text = path.read_text("utf-8")
        return Recipe.model_validate(tomllib.loads(text)), text
    except OSError as error:
        raise DataError(
            f"{directory} holds no recipe.toml; the directory of a finished run is wanted",
            file=path,
            line=None,
        ) from error
    except (ValueError, VeriloraError) as error:
        raise DataError(f"{path} is not a recipe: {error}", file=path, line=None) from error


def _layers(directory: Path) -> list[dict[str, Any]]:
    path = Path(directory) / "explain.json"
    if not path.exists():
        return []
    try:
        told = json.loads(path.read_bytes())
    except ValueError as error:
        raise DataError(f"{path} is not JSON: {error}", file=path, line=None) from error
    layers = told.get("layers") if isinstance(told, dict) else None
    return [layer for layer in layers or () if isinstance(layer, dict)]


def _listed(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("verilora"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["plain"] = _plain
    environment.tests["quantity"] = lambda value: type(value) in (int, float)
    environment.filters["unbroken"] = lambda text: text.replace(" %", "\u00a0%")
    return environment
