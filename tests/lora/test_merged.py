"""What a merge did is told in a table, and as data."""

from __future__ import annotations

from verilora.lora.merged import MergedWeight, MergeReport

WEIGHT = MergedWeight("layer.weight", "bfloat16", update_norm=2.0, rounding_error=0.5)


def test_the_share_lost_is_told() -> None:
    report = MergeReport((WEIGHT,), probe_difference=0.01, tolerance=0.1)
    assert WEIGHT.lost == 0.25
    assert MergedWeight("w", "float32", 0.0, 0.0).lost == 0.0
    assert report.to_mapping()["weights"][0]["lost"] == 0.25
    assert "25.00%" in str(report)
    assert "probe: 1.00e-02 (allowed 1e-01)" in str(report)


def test_a_probe_that_is_not_judged_is_told_without_a_bound() -> None:
    assert str(MergeReport((WEIGHT,), probe_difference=0.01)).endswith("probe: 1.00e-02")
