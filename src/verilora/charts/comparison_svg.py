"""A verdict's picture as the geometry of an inline SVG; colours and letters are the page's own."""

from __future__ import annotations

from dataclasses import dataclass

from verilora.charts.comparison import Comparison, Row
from verilora.charts.svg import Mark, ticks

WIDTH, LEFT, RIGHT = 360, 90, 274
"""The whole picture, and where its axis begins and ends; units are about a pixel on a phone."""
ROW, LABELS, AXIS = 23, 17, 40
"""Heights: of a row, of a line of labels above the rows, of axis and unit below them."""


@dataclass(frozen=True)
class Line:
    """A row placed: the marks' places, the span's ends, and the texts on both sides."""

    row: Row
    y: float
    places: tuple[float, ...]
    span: tuple[float, float] | None


@dataclass(frozen=True)
class Drawing:
    """All that a template needs to draw a comparison."""

    comparison: Comparison
    height: float
    top: float
    bottom: float
    lines: tuple[Line, ...]
    ticks: tuple[Mark, ...]
    centre: float
    band: tuple[float, float] | None
    band_label: Mark
    majority: Mark | None
    majority_label: float


def lay_out(comparison: Comparison) -> Drawing:
    """Places every row of a comparison."""
    low, high = comparison.limits

    def place(value: float) -> float:
        return round(LEFT + (value - low) / (high - low) * (RIGHT - LEFT), 1)

    top = LABELS * (2 if comparison.majority and comparison.band else 1) + 4
    bottom = top + ROW * len(comparison.rows)
    band = None if comparison.band is None else tuple(place(end) for end in comparison.band)
    middle = place(comparison.centre)
    majority = comparison.majority
    return Drawing(
        comparison=comparison,
        height=bottom + AXIS,
        top=top,
        bottom=bottom,
        lines=tuple(
            Line(
                row,
                top + ROW * (index + 0.5),
                tuple(place(value) for value in row.values),
                None if row.span is None else (place(row.span[0]), place(row.span[1])),
            )
            for index, row in enumerate(comparison.rows)
        ),
        ticks=tuple(Mark(place(value), text) for value, text in ticks(low, high)),
        centre=middle,
        band=band,  # type: ignore[arg-type]
        band_label=Mark(_inside(middle, comparison.band_label), comparison.band_label),
        majority=Mark(place(majority[0]), majority[1]) if majority else None,
        majority_label=_inside(place(majority[0]), majority[1]) if majority else 0.0,
    )


def _inside(x: float, text: str) -> float:
    """The middle of a centred text near x that does not leave the picture."""
    half = 3.1 * len(text)
    return round(min(max(x, half), WIDTH - half), 1)
