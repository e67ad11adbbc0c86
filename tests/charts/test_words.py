"""Units stand beside every number, in words a person uses."""

from __future__ import annotations

from verilora.charts.words import metric_label, metric_told, seconds_told, share_told


def test_units_are_told():
    assert metric_label("accuracy") == "accuracy (%)"
    assert metric_label("matthews") == "Matthews correlation × 100"
    assert metric_told("f1", 81.25) == "81.2 % F1"
    assert metric_told("pearson", 91.5) == "Pearson correlation 91.5 (× 100)"


def test_durations_and_shares_read_like_words():
    assert [seconds_told(s) for s in (8.44, 61.2, 7500)] == ["8.4 s", "1 min 1 s", "2 h 5 min"]
    told = [share_told(*p) for p in ((1, 30_000), (1, 300), (1, 8), (5, 5), (0, 5))]
    assert told == ["0.003 %", "0.33 %", "12.5 %", "100 %", "0 %"]
