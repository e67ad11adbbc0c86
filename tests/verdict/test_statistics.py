"""The equations: against known answers, against scipy's own distributions, and by simulation."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from verilora.verdict.statistics import (
    DIFFERENT,
    EQUIVALENT,
    INCONCLUSIVE,
    LABELS,
    Side,
    compare,
    cumulative,
    prediction,
    quantile,
    resolution,
    side_of,
    slice_variance,
    standard_error,
    variance_factor,
)

KNOWN = json.loads((Path(__file__).parents[1] / "vectors" / "decisions.json").read_bytes())


@pytest.mark.parametrize("case", KNOWN["cases"], ids=lambda c: f"{c['aggregation']}-{c['value']}")
def test_known_answers(case: dict) -> None:
    paper, way = KNOWN["paper"], case["aggregation"]
    ours = Side(case["value"], KNOWN["ours"]["sd"], KNOWN["ours"]["runs"], way)
    theirs = Side(paper["value"], paper["spread"], paper["runs"], way)
    fixed = resolution(paper["decimals"]) ** 2 / 3
    found = compare(ours, theirs, margin=KNOWN["margin"], fixed=fixed)
    assert found.standard_error == pytest.approx(case["standard_error"], abs=5e-5)
    assert found.degrees_of_freedom == pytest.approx(KNOWN["degrees_of_freedom"], abs=5e-3)
    assert (found.low, found.high) == pytest.approx(tuple(case["interval90"]), abs=5e-4)
    assert found.probability == pytest.approx(case["score"], abs=5e-5)
    assert LABELS[int(found.label)] == case["decision"]


def test_the_interval_is_the_two_one_sided_tests() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(0.2, 1, 9), rng.normal(0, 1.5, 7)
    ours, theirs = side_of(x, "mean"), side_of(y, "mean")
    for margin in (0.5, 1.5, 3.0):
        found = compare(ours, theirs, margin=margin)
        lower = stats.ttest_ind(x, y - margin, equal_var=False, alternative="greater").pvalue
        upper = stats.ttest_ind(x, y + margin, equal_var=False, alternative="less").pvalue
        assert (found.label == EQUIVALENT) == (max(lower, upper) < 0.05)
    welch = stats.ttest_ind(x, y, equal_var=False)
    assert found.degrees_of_freedom == pytest.approx(welch.df)
    interval = welch.confidence_interval(0.90)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))


@pytest.mark.parametrize("freedom", [1, 2, 3.7, 7.82, 30, 1e6, math.inf])
def test_student_is_scipys(freedom: float) -> None:
    law = stats.norm if math.isinf(freedom) else stats.t(freedom)
    assert quantile(0.95, freedom) == pytest.approx(law.ppf(0.95), rel=1e-9)
    for value in (-3.0, 0.0, 1.5):
        assert cumulative(value, freedom) == pytest.approx(law.cdf(value), rel=1e-9)


def test_without_a_spread_the_paper_is_one_draw() -> None:
    error, freedom = standard_error(Side(80.0, 0.6, 4), Side(79.0, None, 1), fixed=0.01)
    assert error == pytest.approx(math.sqrt(0.36 * (1 + 1 / 4) + 0.01))
    assert freedom == 3


def test_no_spread_on_either_side_leaves_rounding_alone() -> None:
    error, freedom = standard_error(Side(80.0, 0.0, 3), Side(80.1, 0.0, 5), fixed=0.0025 / 3)
    assert error == pytest.approx(0.05 / math.sqrt(3))
    assert math.isinf(freedom)
    certain = compare(Side(80.0, 0.0, 3), Side(81.0, 0.0, 5), margin=1.0)
    assert (certain.label, certain.within, certain.probability) == (DIFFERENT, False, 0.0)


@pytest.mark.parametrize(("ours", "theirs"), [((None, 1), (0.7, 5)), ((0.6, 5), (0.7, 1))])
def test_a_spread_of_one_run_is_refused(ours: tuple, theirs: tuple) -> None:
    with pytest.raises(ValueError, match="spread"):
        standard_error(Side(80.0, *ours), Side(80.0, *theirs), fixed=0.0)


def test_a_part_of_the_items() -> None:
    assert slice_variance(90.0, evaluated=408, full_size=408) == 0
    expected = 100**2 * 0.9 * 0.1 / 100 * (408 - 100) / 407
    assert slice_variance(90.0, evaluated=100, full_size=408) == pytest.approx(expected)
    items = np.arange(408) < 367
    rng = np.random.default_rng(0)
    drawn = [100 * rng.choice(items, 100, replace=False).mean() for _ in range(4000)]
    assert np.var(drawn) == pytest.approx(
        slice_variance(100 * 367 / 408, evaluated=100, full_size=408), rel=0.08
    )


def test_sides() -> None:
    assert side_of([3.0, 1.0, 2.0], "median").value == 2.0
    assert side_of([3.0, 1.0, 5.0], "mean").sd == pytest.approx(2.0)
    assert side_of([3.0], "single").sd is None
    many = side_of(np.arange(12.0).reshape(4, 3), "mean")
    assert many.value == pytest.approx([1, 4, 7, 10])


@pytest.mark.parametrize("runs", [3, 5, 8, 10])
def test_the_factor_of_a_median_is_not_too_small(runs: int) -> None:
    drawn = np.random.default_rng(1).normal(size=(40_000, runs))
    assert runs * np.median(drawn, axis=1).var() < 1.02 * variance_factor("median")
    assert variance_factor("median") == math.pi / 2
    assert variance_factor("mean") == variance_factor("single") == 1


def test_prediction_holds_one_more_result_19_times_in_20() -> None:
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(2000):
        low, high = prediction(
            side_of(rng.normal(size=5), "mean"), runs=3, aggregation="mean", fixed=0.0
        )
        held += low <= rng.normal(size=3).mean() <= high
    assert held / 2000 == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize(
    ("way", "same"),
    [("mean", (0.50, 0.76, 0.87, 0.90)), ("median", (0.31, 0.50, 0.66, 0.70))],
)
def test_error_rates_by_simulation(way: str, same: tuple[float, ...]) -> None:
    """σ = 0.7 on both sides, five runs of the paper printed to 0.1, margin 1.4."""
    rng = np.random.default_rng(20)
    for runs, expected in zip((3, 5, 8, 10), same, strict=True):
        ours = side_of(rng.normal(0, 0.7, (20_000, runs)), way)
        paper = side_of(rng.normal(0, 0.7, (20_000, 5)), way)
        printed = Side(np.round(paper.value, 1), paper.sd, 5, way)
        fixed = resolution(1) ** 2 / 3
        label = compare(ours, printed, margin=1.4, fixed=fixed).label
        assert (label == EQUIVALENT).mean() == pytest.approx(expected, abs=0.015)
        assert (label == DIFFERENT).mean() < 0.002
        apart = Side(ours.value + 1.4, ours.sd, runs, way)
        label = compare(apart, printed, margin=1.4, fixed=fixed).label
        assert (label == EQUIVALENT).mean() <= 0.054
        assert (label == DIFFERENT).mean() <= 0.054


def test_labels_at_the_edges() -> None:
    def label(value: float, sd: float) -> int:
        return int(compare(Side(value, sd, 5), Side(0.0, sd, 5), margin=1.0).label)

    assert label(0.0, 0.1) == EQUIVALENT
    assert label(0.99, 0.1) == INCONCLUSIVE
    assert label(5.0, 0.1) == DIFFERENT
    assert label(-5.0, 0.1) == DIFFERENT
    assert label(0.0, 9.0) == INCONCLUSIVE
