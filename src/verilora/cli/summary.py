"""What is said about a run in a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from verilora.charts.words import (
    CORRELATIONS,
    OWN_SCALE,
    metric_name,
    metric_told,
    seconds_told,
    share_told,
)
from verilora.cli.columns import aligned, columns
from verilora.records.run import Run


def run_told(run: Run, directory: Path) -> str:
    """The result of a run and where it lies, in a few lines."""
    told = metric_told(run.main_metric, run.metrics[run.main_metric].value)
    counts = run.parameters
    lines = [
        f"{run.recipe}, method {run.method}, seed {run.seed}: {told} on "
        f"{run.data.validation_rows:,} validation example{'s' * (run.data.validation_rows != 1)}"
        f"{_majority(run)}",
        f"{counts.trainable:,} of {counts.total:,} parameters trained "
        f"({share_told(counts.trainable, counts.total)}), "
        f"in {seconds_told(run.timings.total_seconds)}",
        "",
        aligned(places(run, directory), indent="  "),
    ]
    return "\n".join(lines)


def places(run: Run, directory: Path) -> list[tuple[str, str]]:
    """What lies where in a run directory."""
    found = [
        ("report", "report.html"),
        ("curves", "curves.png"),
        ("adapter", "adapter" if run.digests.adapter else ""),
        ("predictions", "predictions.jsonl"),
    ]
    return [(name, str(directory / file)) for name, file in found if file]


def agreement_told(run: Run, found: Any) -> str:
    """An evaluation made again, beside the recorded one where there is something to compare."""
    if found.recorded is None:
        rows = [("metric", "now", "unit")]
        rows += [(metric_name(n), f"{v:.4f}", _unit(n)) for n, v in found.metrics.items()]
        return f"{columns(rows)}\n\n{found.rows:,} examples of other data; nothing to compare with"
    rows = [("metric", "recorded", "now", "unit")]
    rows += [
        (metric_name(name), f"{value:.4f}", f"{found.metrics[name]:.4f}", _unit(name))
        for name, value in found.recorded.items()
    ]
    return f"{columns(rows)}\n\n{_verdict(run, found)}"


def _verdict(run: Run, found: Any) -> str:
    if found.agrees and found.same_bytes:
        return f"The numbers agree: all {found.rows:,} predictions are the same to the byte."
    count = len(found.differing)
    if found.agrees:
        differ = f"{count:,} differ{'s' if count == 1 else ''}"
        scores = differ if count else "the scores differ in their last digits"
        return f"The numbers agree; of {found.rows:,} predictions {scores}."
    named = ", ".join(found.differing[:3]) + (", …" if count > 3 else "")
    return (
        f"The numbers do NOT agree: {count:,} of {found.rows:,} predictions differ"
        + (f" ({named})" if named else "")
        + f". The run was made with {_made_with(run)}."
    )


def _made_with(run: Run) -> str:
    wanted = ("torch", "transformers", "device", "threads")
    return ", ".join(f"{n} {run.environment[n]}" for n in wanted if n in run.environment)


def _unit(name: str) -> str:
    if name in OWN_SCALE:
        return ""
    return "× 100" if name in CORRELATIONS else "%"


def _majority(run: Run) -> str:
    if run.main_metric not in run.data.majority:
        return ""
    majority = run.data.majority[run.main_metric].value
    return f" (majority class: {majority:.1f})"
