"""What is drawn: the right numbers, units and labels, and clear words for damaged files."""

from __future__ import annotations

import pytest

from verilora.charts.panels import panels, read_events, read_run, smooth
from verilora.errors import DataError


def test_panels_hold_loss_metric_and_rate(write_run):
    directory = write_run(steps=40)
    run = read_run(directory)
    loss, metric, rate = panels(run, read_events(directory))
    assert [series.kind for series in loss.series] == ["raw", "training", "validation"]
    assert len(loss.series[0].points) == 40
    assert loss.x_label == "optimiser step (40 to an epoch)"
    assert metric.y_label == "accuracy (%)"
    assert metric.level is not None
    assert metric.level[0] == pytest.approx(51.97)
    assert metric.chosen is not None
    assert metric.chosen[0] == run.selection.step
    assert rate.y_label == "rate × 10⁻³"
    assert max(y for _, y in rate.series[0].points) == pytest.approx(1.0, abs=0.05)


def test_without_events_only_the_evaluations_are_drawn(write_run):
    directory = write_run()
    (directory / "events.jsonl").unlink()
    drawn = panels(read_run(directory), read_events(directory))
    assert [panel.title for panel in drawn] == ["Loss", "Accuracy on validation"]
    assert [series.kind for series in drawn[0].series] == ["validation"]


def test_without_events_the_training_loss_is_that_of_the_record(write_run):
    kept = {"every": 20, "means": [0.7, 0.6, 0.5, 0.45, 0.44, 0.43, 0.42]}
    run = read_run(write_run(training_loss=kept))
    loss, _ = panels(run, ())
    raw, smoothed, validation = loss.series
    assert (raw.label, smoothed.label) == (
        "training, each 20 steps",
        "training, mean of 60 steps",
    )
    assert raw.points[0] == (10.5, 0.7)
    assert raw.points[-1] == (129.5, 0.42)  # steps 121 to 138
    assert len(smoothed.points) == 7
    assert validation.kind == "validation"
    assert loss.x_label == "optimiser step (138 to an epoch)"


def test_a_step_told_twice_after_a_resume_is_drawn_once(write_run):
    directory = write_run(steps=8)
    events = read_events(directory)
    again = [{**event, "loss": 9.0} for event in events if event["event"] == "step"][4:]
    loss = panels(read_run(directory), [*events, *again])[0]
    steps = [x for x, _ in loss.series[0].points]
    assert steps == sorted(set(steps))
    assert loss.series[0].points[-1] == (8.0, 9.0)


def test_smoothing_keeps_a_constant_and_halves_noise():
    means, window = smooth([2.0] * 90)
    assert window == 7
    assert means == pytest.approx([2.0] * 90)
    noisy, _ = smooth([1.0, -1.0] * 45)
    assert abs(noisy).max() <= 0.5


def test_a_directory_without_a_run_says_what_is_wanted(tmp_path):
    with pytest.raises(DataError, match=r"holds no run\.json; give the directory of a finished"):
        read_run(tmp_path)


def test_a_damaged_run_is_refused(write_run):
    directory = write_run()
    (directory / "run.json").write_text('{"format": "verilora.run/1"}')
    with pytest.raises(DataError, match="is not a run"):
        read_run(directory)


@pytest.mark.parametrize("line", ["{", "[]", "3", '{"step": 1}', "null"])
def test_a_damaged_event_is_told_with_its_line(write_run, line):
    directory = write_run(steps=4)
    path = directory / "events.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], line, *lines[1:]]))
    with pytest.raises(DataError, match=r"events\.jsonl, line 2: not an event") as caught:
        read_events(directory)
    assert caught.value.facts["line"] == 2
