"""Panels as the geometry of a small inline SVG; colours and letters are the page's own."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.ticker import MaxNLocator

from verilora.charts.panels import Panel, Points, Series

WIDTH, HEIGHT = 340, 220
LEFT, RIGHT, TOP, BOTTOM = 38, 332, 10, 180
"""The drawing area, in units of about one pixel on a phone and on a desktop."""
MOST_POINTS = 280
LETTER = 6.0
"""Width of a letter, about."""


@dataclass(frozen=True)
class Mark:
    """A place with its text."""

    at: float
    text: str


@dataclass(frozen=True)
class Line:
    """A path in SVG's letters, and the dots on it if each point counts."""

    kind: str
    path: str
    dots: Points


@dataclass(frozen=True)
class Label:
    """A ringed point, and its text beside it where no line is: `to_left` of the point or right."""

    x: float
    y: float
    text: str
    at: float
    """Height of the text's foot."""
    to_left: bool


@dataclass(frozen=True)
class Drawing:
    """All that a template needs to draw one panel; `told` says it in words."""

    panel: Panel
    x_ticks: tuple[Mark, ...]
    y_ticks: tuple[Mark, ...]
    lines: tuple[Line, ...]
    level: Mark | None
    chosen: Label | None
    told: str


def lay_out(panel: Panel) -> Drawing:
    """Places a panel with at least one point; at most MOST_POINTS a line, extremes kept."""
    x_low, x_high = _limits([0.0, *(x for series in panel.series for x, _ in series.points)], 0.0)
    heights = [y for series in panel.series for _, y in series.points]
    y_low, y_high = _limits([*heights, *([panel.level[0]] if panel.level else [])], 0.1)

    def place(x: float, y: float) -> tuple[float, float]:
        across = LEFT + (x - x_low) / (x_high - x_low) * (RIGHT - LEFT)
        down = BOTTOM - (y - y_low) / (y_high - y_low) * (BOTTOM - TOP)
        return round(across, 1), round(down, 1)

    x_ticks = ticks(x_low, x_high, whole=True)
    placed = [tuple(place(*p) for p in thin(series.points)) for series in panel.series]
    return Drawing(
        panel=panel,
        x_ticks=tuple(Mark(place(value, 0)[0], text) for value, text in x_ticks),
        y_ticks=tuple(Mark(place(0, value)[1], text) for value, text in ticks(y_low, y_high)),
        lines=tuple(map(_line, panel.series, placed)),
        level=Mark(place(0, panel.level[0])[1], panel.level[1]) if panel.level else None,
        chosen=_label(place(*panel.chosen[:2]), panel.chosen[2], lines=placed)
        if panel.chosen
        else None,
        told="; ".join(_told(series) for series in panel.series) + ".",
    )


def thin(points: Points, most: int = MOST_POINTS) -> Points:
    """At most `most` points (and one): of each stretch the lowest and the highest, in order."""
    if len(points) <= most:
        return points
    kept: list[tuple[float, float]] = []
    size = math.ceil(len(points) / (most // 2))
    for start in range(0, len(points), size):
        stretch = points[start : start + size]
        ends = {min(stretch, key=lambda p: p[1]), max(stretch, key=lambda p: p[1])}
        kept.extend(sorted(ends))
    return (*kept[:-1], points[-1])


def _line(series: Series, placed: Points) -> Line:
    path = "M" + "L".join(f"{x:g} {y:g}" for x, y in placed)
    return Line(series.kind, path, placed if series.marked else ())


def _label(point: tuple[float, float], text: str, *, lines: Sequence[Points]) -> Label:
    x, y = point
    to_left = x > WIDTH / 2
    width = LETTER * len(text)
    across = (x - width, x + 4) if to_left else (x - 4, x + width)
    for foot in (y - 11, y + 21):
        room = TOP <= foot <= BOTTOM - 3
        if room and not any(
            _crosses(line, across=across, down=(foot - 11, foot + 3)) for line in lines
        ):
            return Label(x, y, text, round(foot, 1), to_left)
    return Label(x, y, text, round(y + 21, 1), to_left)


def _crosses(line: Points, *, across: tuple[float, float], down: tuple[float, float]) -> bool:
    """True if a line of joined points goes through the box."""
    for (x1, y1), (x2, y2) in itertools.pairwise(line):
        left, right = max(x1, across[0]), min(x2, across[1])
        if left > right:
            continue
        slope = (y2 - y1) / (x2 - x1) if x2 > x1 else 0.0
        ends = [y1 + slope * (left - x1), y1 + slope * (right - x1)]
        if min(ends) <= down[1] and max(ends) >= down[0]:
            return True
    return False


def _limits(values: Sequence[float], margin: float) -> tuple[float, float]:
    low, high = min(values), max(values)
    if low == high:
        low, high = low - 1, high + 1
    room = (high - low) * margin
    return low - room, high + room


def ticks(low: float, high: float, *, whole: bool = False) -> list[tuple[float, str]]:
    """Round values between two ends, as many as fit, with no more digits than they need."""
    values = MaxNLocator(nbins=6 if whole else 5, steps=(1, 2, 5, 10), integer=whole).tick_values(
        low, high
    )
    inside = [float(value) for value in values if low <= value <= high]
    step = values[1] - values[0]
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return [(value, f"{value:,.{decimals}f}".replace("-", "−")) for value in inside]


def _told(series: Series) -> str:
    (first_x, first), (last_x, last) = series.points[0], series.points[-1]
    return f"{series.label}: {first:.3g} at step {first_x:,.0f}, {last:.3g} at step {last_x:,.0f}"
