"""Whether the runs of a reproduction belong together: what no record of one run can show."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from verilora.data.tasks import METRICS
from verilora.records.recipe import Recipe
from verilora.records.run import Run
from verilora.reproduce.results import FAILED
from verilora.train.directory import RunDirectory

CLOSE = 1e-9
"""Percent points; what a metric may miss when it is computed again in the same order."""


def faults_together(directories: Sequence[Path]) -> list[str]:
    """Where runs do not belong together: other items, or one run under two seeds' names."""
    made = [(path, RunDirectory(path).finished()) for path in directories]
    runs = [(path, run) for path, run in made if run is not None]
    faults = [
        f"{path.name} holds a finished run and {FAILED} too; one of them belongs elsewhere"
        for path, _ in runs
        if (path / FAILED).exists()
    ]
    return faults + _shared_outcomes(runs) + _other_items([path for path, _ in runs])


def faults_of_record(run: Run, recipe: Recipe) -> list[str]:
    """Where a run's record says something else than its recipe and its own curve."""
    faults, training = [], recipe.training
    pairs = {
        "seed": (run.seed, training.seed),
        "method": (run.method, training.method),
        "selection": (run.selection.rule, training.select),
    }
    for name, (stated, wanted) in pairs.items():
        if stated != wanted:
            faults.append(f"run.json says {name} {stated}, recipe.toml {wanted}")
    return faults + _off_curve(run)


def _off_curve(run: Run) -> list[str]:
    """The metrics are those of the evaluation that the rule chooses."""
    values = {point.step: point.metrics for point in run.curve}
    chosen, name = values.get(run.selection.step), run.selection.metric
    if chosen is None:
        return []
    faults = [
        f"run.json says {key} {run.metrics[key].value:g}, and {value:g} at the step it chose"
        for key, value in chosen.items()
        if key in run.metrics and abs(run.metrics[key].value - value) > CLOSE
    ]
    found = [metrics.get(name, chosen[name]) for metrics in values.values()]
    lower = name in METRICS and METRICS[name].lower_is_better
    best = min(found) if lower else max(found)
    if run.selection.rule == "best" and (chosen[name] - best) * (1 if lower else -1) > CLOSE:
        faults.append(f"run.json chose {name} {chosen[name]:g} as the best, and {best:g} was there")
    return faults


def _shared_outcomes(runs: Iterable[tuple[Path, Run]]) -> list[str]:
    """Two seeds never come to the same weights, bit for bit."""
    first: dict[str, Path] = {}
    faults = []
    for path, run in runs:
        if run.digests.adapter is None:
            continue
        other = first.setdefault(run.digests.adapter, path)
        if other is not path:
            faults.append(f"{other.name} and {path.name} have the same adapter: one is a copy")
    return faults


def _other_items(directories: Iterable[Path]) -> list[str]:
    """Every run was measured on the same items, in the same order, with the same labels."""
    first: tuple[Path, list[tuple[object, object]]] | None = None
    faults = []
    for path in directories:
        items = _items_in(RunDirectory(path).predictions)
        if items is None:
            continue
        if first is None:
            first = (path, items)
        elif items != first[1]:
            faults.append(f"{path.name} was measured on other items than {first[0].name}")
    return faults


def _items_in(path: Path) -> list[tuple[object, object]] | None:
    """(id, label or text) of each prediction; None for a file that cannot be read, told anyway."""
    try:
        rows = [json.loads(line) for line in path.read_bytes().splitlines()]
        return [(row["id"], row.get("label", row.get("reference"))) for row in rows]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
