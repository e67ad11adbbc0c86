"""The geometry of the picture on the page: inside the box, in order, true to scale."""

from __future__ import annotations

from typing import Any

import pytest

from verilora.charts.comparison import compare
from verilora.charts.comparison_svg import LEFT, RIGHT, WIDTH, lay_out


@pytest.mark.parametrize(
    "values",
    [(89.5,), (89.5, 89.5, 89.5), (40.0, 41.0, None), tuple(88 + i / 4 for i in range(10))],
    ids=["one", "equal", "far", "ten"],
)
@pytest.mark.parametrize("majority", [68.38, 87.9, None])
def test_everything_lies_inside_the_box(
    reproduction: Any, values: tuple[float, ...], majority: float | None
) -> None:
    drawing = lay_out(compare(reproduction(*values, majority=majority)))
    for line in drawing.lines:
        assert all(LEFT <= x <= RIGHT for x in (*line.places, *(line.span or ())))
        assert drawing.top < line.y < drawing.bottom < drawing.height
    assert all(LEFT <= tick.at <= RIGHT for tick in drawing.ticks)
    assert len(drawing.ticks) >= 2
    assert 0 < drawing.band_label.at < WIDTH
    assert drawing.band[0] < drawing.centre < drawing.band[1]


def test_places_keep_the_order_and_the_scale(reproduction: Any) -> None:
    drawing = lay_out(compare(reproduction(88.5, 89.5, 90.5)))
    first, second, third = (line.places[0] for line in drawing.lines[1:4])
    assert third - second == pytest.approx(second - first, abs=0.2)
    assert drawing.band[1] - drawing.centre == pytest.approx(1.4 * (second - first), abs=0.3)


def test_two_labels_above_have_a_line_each(reproduction: Any) -> None:
    with_majority = lay_out(compare(reproduction(88.5, 89.5, 90.5, majority=88.0)))
    without = lay_out(compare(reproduction(88.5, 89.5, 90.5)))
    assert with_majority.top > without.top
    assert with_majority.majority.text == "majority class 88.0"
