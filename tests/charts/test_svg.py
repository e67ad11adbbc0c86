"""The geometry of the inline pictures: inside the box, few points, extremes kept."""

from __future__ import annotations

import random

import pytest

from verilora.charts.panels import Panel, Series, panels, read_events, read_run
from verilora.charts.svg import BOTTOM, LEFT, MOST_POINTS, RIGHT, TOP, lay_out, thin


def test_everything_lies_inside_the_box(write_run):
    directory = write_run(steps=900)
    for panel in panels(read_run(directory), read_events(directory)):
        drawing = lay_out(panel)
        for line in drawing.lines:
            places = [pair.split() for pair in line.path[1:].split("L")]
            assert len(places) <= MOST_POINTS + 1
            assert all(LEFT <= float(x) <= RIGHT for x, _ in places)
            assert all(TOP <= float(y) <= BOTTOM for _, y in places)
        assert len(drawing.x_ticks) >= 2
        assert len(drawing.y_ticks) >= 2


def test_thinning_keeps_the_extremes_the_order_and_the_last_point():
    chance = random.Random(1)
    points = tuple((float(x), chance.random()) for x in range(5000))
    points = (*points[:2500], (2500.0, 9.0), *points[2501:])
    thinned = thin(points)
    assert len(thinned) <= MOST_POINTS + 1
    assert (2500.0, 9.0) in thinned
    assert min(y for _, y in thinned) == min(y for _, y in points)
    assert list(thinned) == sorted(thinned)
    assert thinned[-1] == points[-1]


def test_one_point_is_a_picture_too():
    panel = Panel(
        "Loss", "step", "loss", (Series("validation", "validation", ((3.0, 0.5),), True),)
    )
    drawing = lay_out(panel)
    assert drawing.lines[0].dots == ((pytest.approx(332.0), pytest.approx(95.0)),)
    assert drawing.told == "validation: 0.5 at step 3, 0.5 at step 3."


def test_ticks_have_no_more_digits_than_they_need():
    points = tuple((float(x), 0.5 + x / 1000) for x in range(0, 101, 10))
    drawing = lay_out(Panel("Loss", "step", "loss", (Series("training", "training", points),)))
    assert [tick.text for tick in drawing.y_ticks] == ["0.50", "0.55", "0.60"] or [
        tick.text for tick in drawing.y_ticks
    ] == ["0.50", "0.52", "0.54", "0.56", "0.58", "0.60"]
    assert drawing.x_ticks[0].text == "0"


@pytest.mark.parametrize(
    ("heights", "chosen", "to_left", "above"),
    [
        ((0.0, 80.0, 90.0, 89.0), 2, True, True),  # the best: nothing is above it
        ((90.0, 80.0, 70.0, 0.0), 3, True, False),  # the line comes from above, on the left
        ((0.0, 80.0, 90.0, 89.0, 89.0), 1, False, False),  # on the right the line goes on above
    ],
)
def test_the_text_of_the_chosen_point_keeps_clear_of_the_line(heights, chosen, to_left, above):
    points = tuple((100.0 * (n + 1), height) for n, height in enumerate(heights))
    series = Series("validation", "metric", points, True)
    label = lay_out(
        Panel("Accuracy", "step", "%", (series,), chosen=(*points[chosen], "90.0, handed over"))
    ).chosen
    assert label.to_left == to_left
    assert (label.at < label.y) == above
    assert TOP <= label.at <= BOTTOM + 21
