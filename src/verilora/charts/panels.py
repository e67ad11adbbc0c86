"""What there is to draw of a run, in words and plain numbers; no drawing yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from verilora.charts.words import metric_label, metric_name
from verilora.errors import DataError
from verilora.records.events import from_line
from verilora.records.run import Run

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Series:
    """Points to join; `kind` chooses colour and form (a key of COLOURS)."""

    label: str
    kind: str
    points: Points
    marked: bool = False


@dataclass(frozen=True)
class Panel:
    """One picture in words and numbers: the axes with their units, the series, the guides.

    `level` is a horizontal reference; `chosen` is the point whose weights were handed over.
    """

    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    level: tuple[float, str] | None = None
    chosen: tuple[float, float, str] | None = None


def read_events(directory: Path) -> list[dict[str, Any]]:
    """The events of a run directory, in order; none if events.jsonl is not there.

    Raises DataError, with the line, for one that is not a JSON object with an "event".
    """
    path = Path(directory) / "events.jsonl"
    if not path.exists():
        return []
    events = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        try:
            event = from_line(line)
            event["event"]
        except (ValueError, TypeError, KeyError) as error:
            raise DataError(
                f"{path}, line {number}: not an event (a JSON object with the key 'event'); "
                "train the run again with --force, or remove the line",
                file=path,
                line=number,
            ) from error
        events.append(event)
    return events


def panels(run: Run, events: Iterable[Mapping[str, Any]]) -> list[Panel]:
    """What there is to draw: loss, main metric, learning rate; each only where it has points.

    Without events the training loss is that of the run's record, and there is no learning rate.
    """
    last: dict[int, Mapping[str, Any]] = {}
    for event in events:
        if event["event"] == "step":
            last[event["step"]] = event  # a resumed run may tell a step twice: the later holds
    steps = [last[step] for step in sorted(last)]
    x_label = _step_label(steps or [point.to_mapping() for point in run.curve])
    drawn = [_loss_panel(run, steps), _metric_panel(run), _rate_panel(steps)]
    return [_labelled(panel, x_label) for panel in drawn if any(s.points for s in panel.series)]


def kept_losses(run: Run) -> tuple[Points, int]:
    """The training loss in a run's record, each mean at the middle of its steps, and how many
    steps that is; no points where none was kept."""
    kept = run.training_loss
    if kept is None:
        return (), 1
    starts = range(0, kept.every * len(kept.means), kept.every)
    middles = ((start + 1 + min(start + kept.every, run.steps)) / 2 for start in starts)
    return tuple(zip(middles, kept.means, strict=True)), kept.every


def read_run(directory: Path) -> Run:
    """The record in `directory`/run.json. Raises DataError if it is not there or not a run."""
    path = Path(directory) / "run.json"
    try:
        return Run.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DataError(
            f"{directory} holds no run.json; give the directory of a finished run "
            "(an unfinished one goes on with: verilora train ... --resume)",
            file=path,
            line=None,
        ) from error
    except ValueError as error:
        raise DataError(
            f"{path} is not a run of this version of verilora: {error}", file=path, line=None
        ) from error


def smooth(values: Sequence[float]) -> tuple[np.ndarray, int]:
    """A centred mean over about a fifteenth of all values, and its window (odd).

    At the ends the window keeps what is there of it.
    """
    array = np.asarray(values, dtype=np.float64)
    half = max(1, len(array) // 30)
    sums = np.concatenate([[0.0], np.cumsum(array)])
    index = np.arange(len(array))
    low, high = np.maximum(index - half, 0), np.minimum(index + half + 1, len(array))
    return (sums[high] - sums[low]) / (high - low), 2 * half + 1


def _step_label(steps: Sequence[Mapping[str, Any]]) -> str:
    if steps and steps[-1]["epoch"] > 0:
        per_epoch = round(steps[-1]["step"] / steps[-1]["epoch"])
        return f"optimiser step ({per_epoch:,} to an epoch)"
    return "optimiser step"


def _loss_panel(run: Run, steps: Sequence[Mapping[str, Any]]) -> Panel:
    told = tuple((float(step["step"]), float(step["loss"])) for step in steps)
    losses, every = (told, 1) if told else kept_losses(run)
    series = []
    if losses:
        each = "each step" if every == 1 else f"each {every} steps"
        means, window = smooth([loss for _, loss in losses])
        series.append(Series(f"training, {each}", "raw", losses))
        label = f"training, mean of {window * every} steps"
        smoothed = zip((x for x, _ in losses), means.tolist(), strict=True)
        series.append(Series(label, "training", tuple(smoothed)))
    evaluated = tuple((float(point.step), point.loss) for point in run.curve)
    series.append(Series("validation", "validation", evaluated, marked=True))
    return Panel("Loss", "", "loss", tuple(series))


def _metric_panel(run: Run) -> Panel:
    name = run.main_metric
    points = tuple(
        (float(point.step), point.metrics[name]) for point in run.curve if name in point.metrics
    )
    level = None
    if name in run.data.majority:
        value = run.data.majority[name].value
        level = (value, f"majority class, {value:.1f}")
    handed = [point for point in points if point[0] == run.selection.step]
    chosen = (*handed[-1], f"{handed[-1][1]:.1f}, handed over") if handed else None
    series = (Series("validation", "metric", points, marked=True),)
    title = f"{metric_name(name)} on validation"
    return Panel(title[0].upper() + title[1:], "", metric_label(name), series, level, chosen)


def _rate_panel(steps: Sequence[Mapping[str, Any]]) -> Panel:
    rates = [float(step["learning_rate"]) for step in steps]
    power = int(np.floor(np.log10(max(rates) * 1.02))) if rates and max(rates) > 0 else 0
    points = tuple((float(s["step"]), r / 10.0**power) for s, r in zip(steps, rates, strict=True))
    exponent = str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    label = f"rate × 10{exponent}" if power else "rate"
    return Panel("Learning rate", "", label, (Series("learning rate", "rate", points),))


def _labelled(panel: Panel, x_label: str) -> Panel:
    kept = tuple(series for series in panel.series if series.points)
    return Panel(panel.title, x_label, panel.y_label, kept, panel.level, panel.chosen)
