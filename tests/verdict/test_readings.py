"""Readings of a printed number, margins by default, and the weakest label of all readings."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from verilora.errors import DataError
from verilora.verdict.readings import (
    assess,
    decimals_of,
    default_margin,
    is_share,
    readings_of,
    setting_of,
    shown_decimals,
)
from verilora.verdict.statistics import DIFFERENT, EQUIVALENT, INCONCLUSIVE

T = stats.t(4).ppf(0.975)


@pytest.mark.parametrize(
    ("kind", "way", "factors"),
    [
        ("sd", "mean", [1.0]),
        ("sd", "median", [1.0]),
        ("se", "mean", [math.sqrt(5)]),
        ("se", "median", [math.sqrt(5 / (math.pi / 2))]),
        ("ci95", "mean", [math.sqrt(5) / T]),
        ("unknown", "mean", [1.0, math.sqrt(5) / T]),
        ("unknown", None, [1, math.sqrt(5) / T, 1, math.sqrt(5 / (math.pi / 2)) / T]),
        (None, "mean", [1.0, math.sqrt(5) / T]),
    ],
)
def test_readings(kit: Any, kind: str, way: str, factors: list[float]) -> None:
    found = readings_of(kit.reported(spread_kind=kind, aggregation=way))
    assert [reading.factor for reading in found] == pytest.approx(factors)


@pytest.mark.parametrize("missing", [{"spread": None}, {"runs": None}])
def test_without_a_usable_spread_there_is_one_draw(kit: Any, missing: dict) -> None:
    found = readings_of(kit.reported(**missing))
    assert [reading.factor for reading in found] == [None]
    setting = setting_of(kit.reported(**missing), 1.4, evaluated=None, full_size=None)
    assert setting.runs == 1


def test_a_spread_of_an_unknown_number_of_runs_is_not_made_smaller(kit: Any) -> None:
    def error(**changes: Any) -> float:
        reported = kit.reported(**changes)
        setting = setting_of(reported, 1.4, evaluated=None, full_size=None)
        values = kit.values(89.5, sd=0.1)
        found = assess(values, 89.7, spread=reported.spread, setting=setting)
        return float(found.comparison.standard_error)

    assert error(runs=None) == pytest.approx(math.sqrt(0.49 * 1.2 + 0.0025 / 3))
    assert error(runs=None, spread=None) == pytest.approx(math.sqrt(0.01 * 1.2 + 0.0025 / 3))


def test_the_weaker_label_of_two_kinds_is_kept(kit: Any) -> None:
    def label(kind: str, centre: float) -> int:
        reported = kit.reported(spread_kind=kind)
        setting = setting_of(reported, 1.4, evaluated=None, full_size=None)
        return int(assess(kit.values(centre), 89.7, spread=0.7, setting=setting).label)

    one_only = [
        centre
        for centre in np.arange(89.7, 93, 0.01)
        if label("sd", centre) != label("ci95", centre)
    ]
    assert one_only
    for centre in one_only:
        assert {label("sd", centre), label("ci95", centre)} != {EQUIVALENT, DIFFERENT}
        assert label("unknown", centre) == INCONCLUSIVE
    for centre in (89.7, 95.0):
        assert label("unknown", centre) == label("sd", centre) != INCONCLUSIVE


def test_the_weaker_label_of_mean_and_median_is_kept(kit: Any) -> None:
    values = [89.0] * 24 + [90.75] * 16  # mean 89.7, median 89.0

    def label(way: str | None) -> int:
        setting = setting_of(kit.reported(aggregation=way), 1.4, evaluated=None, full_size=None)
        return int(assess(values, 89.7, spread=0.7, setting=setting).label)

    assert [label(way) for way in ("mean", "median", None)] == [
        EQUIVALENT,
        INCONCLUSIVE,
        INCONCLUSIVE,
    ]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(80, 95), min_size=2, max_size=9), st.randoms(), st.booleans())
def test_the_order_of_runs_does_not_matter(
    kit: Any, values: list, chance: Any, median: bool
) -> None:
    reported = kit.reported(aggregation="median" if median else "mean", spread_kind="unknown")
    setting = setting_of(reported, 1.4, evaluated=200, full_size=408)
    first = assess(values, 89.7, spread=0.7, setting=setting)
    chance.shuffle(values)
    second = assess(values, 89.7, spread=0.7, setting=setting)
    assert first.comparison == second.comparison
    assert (first.label, first.within) == (second.label, second.within)


@settings(deadline=None, max_examples=100)
@given(
    st.floats(0, 10),
    st.floats(0.05, 3),
    st.floats(1, 20),
    st.sampled_from(["mean", "median"]),
    st.integers(3, 10),
)
def test_noise_never_makes_the_same_of_what_differs(
    kit: Any, gap: float, sd: float, more: float, way: str, runs: int
) -> None:
    """Runs spread wider around the same centre: what was different never becomes equivalent."""
    setting = setting_of(kit.reported(aggregation=way), 1.4, evaluated=None, full_size=None)

    def found(spread: float) -> Any:
        values = kit.values(89.7 + gap, sd=spread, runs=runs)
        return assess(values, 89.7, spread=0.7, setting=setting)

    before, after = found(sd), found(sd * more)
    assert not (before.label == DIFFERENT and after.label == EQUIVALENT)
    if gap > 1.4:
        assert after.label != EQUIVALENT
    assert after.comparison.standard_error >= before.comparison.standard_error - 1e-9


@pytest.mark.parametrize(
    ("changes", "items", "margin", "why"),
    [
        ({}, 408, 1.4, "twice"),
        ({"spread": 0.1}, 408, 100 / 408, "one item of 408"),
        ({"spread": 0.1}, None, 0.2, "twice"),
        ({"spread": 0.0}, 277, 100 / 277, "one item"),
        ({"spread": None}, 408, 1.5, "fewer than 1000"),
        ({"spread": None}, 1000, 1.0, "1000 or more"),
        ({"spread": None}, None, 1.5, "unknown number"),
        ({"spread": 0.0}, None, 1.5, "no spread"),
        ({"spread_kind": "se"}, 408, 2 * 0.7 * math.sqrt(5), "twice"),
        (
            {"spread_kind": "se", "aggregation": None},
            408,
            2 * 0.7 * math.sqrt(5 / (math.pi / 2)),
            "twice",
        ),
        ({"spread_kind": "ci95"}, 408, 2 * 0.7 * math.sqrt(5) / T, "twice"),
        ({"spread_kind": "unknown"}, 408, 1.4, "twice"),
        ({"spread_kind": None, "aggregation": None}, 408, 1.4, "twice"),
        ({"runs": None}, 408, 1.4, "twice"),
        ({"unit": "points", "spread": 0.02, "value": 8.85}, 630, 0.04, "twice"),
    ],
)
def test_margins(kit: Any, changes: dict, items: int | None, margin: float, why: str) -> None:
    found, told = default_margin(kit.reported(**changes), items=items)
    assert found == pytest.approx(margin)
    assert why in told


def test_a_claim_to_be_better_narrows_the_margin(kit: Any) -> None:
    margin, told = default_margin(kit.reported(), items=408, advantage=-0.6)
    assert margin == 0.3
    assert "half of the 0.6" in told
    assert default_margin(kit.reported(), items=408, advantage=5.0)[0] == pytest.approx(1.4)


def test_no_margin_is_invented_for_another_scale(kit: Any) -> None:
    with pytest.raises(DataError, match="declare one"):
        default_margin(kit.reported(unit="points", spread=None), items=630)


def test_decimals(kit: Any) -> None:
    assert [shown_decimals(x) for x in (89.7, 90.0, 1e15, 0.01, 8.85, 1e-30)] == [1, 0, 0, 2, 2, 15]
    assert decimals_of(kit.reported(value=90, decimals=1)) == 1
    assert decimals_of(kit.reported(value=89.73, decimals=1)) == 2
    assert decimals_of(kit.reported(decimals=None)) == 1


def test_shares_of_items() -> None:
    yes = ("accuracy", "Accuracy", "exact match", "matched accuracy", "MNLI  accuracy", "em")
    no = ("f1", "matthews", "pearson", "balanced accuracy", "bleu", "", None)
    assert [is_share(name) for name in (*yes, *no)] == [True] * len(yes) + [False] * len(no)
