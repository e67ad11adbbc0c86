"""A against B, both measured: known answers, error rates, and what its plan must say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from verilora.errors import DataError
from verilora.verdict.comparison import comparison_margin, reported_of
from verilora.verdict.power import rates
from verilora.verdict.readings import assess, setting_of
from verilora.verdict.statistics import DIFFERENT, EQUIVALENT

OURS, THEIRS = (76.0, 77.0, 78.0), (76.7, 77.2, 77.7)


def test_the_reference_stands_as_a_paper_s_number_would(kit: Any) -> None:
    reported = reported_of(kit.measured(78.0, 76.0, 77.0))
    assert (reported.value, reported.spread, reported.spread_kind) == (77.0, 1.0, "sd")
    assert (reported.runs, reported.aggregation, reported.decimals) == (3, "mean", 6)
    alone = reported_of(kit.measured(77.0))
    assert (alone.spread, alone.runs, alone.says("spread")) == (None, 1, True)
    with pytest.raises(DataError, match="no run of the reference has a number"):
        reported_of(kit.measured())


def test_a_comparison_worked_out_by_hand(kit: Any) -> None:
    # d = 77 - 77.2; SE² = 1/3 + 0.25/3; degrees of freedom SE⁴ / ((1/3)²/2 + (0.25/3)²/2).
    setting = setting_of(reported_of(kit.measured(*THEIRS)), 1.5, evaluated=None, full_size=None)
    found = assess(OURS, 77.2, spread=0.5, setting=setting).comparison
    assert float(found.difference) == pytest.approx(-0.2)
    assert float(found.standard_error) == pytest.approx(0.6454972, abs=1e-7)
    assert float(found.degrees_of_freedom) == pytest.approx(2.9411765, abs=1e-6)
    half = stats.t.ppf(0.95, 2.9411765) * 0.6454972
    assert float(found.high) == pytest.approx(-0.2 + half, abs=1e-5)


@pytest.mark.parametrize("gap", [0.0, 0.5, 1.5, 3.0, 5.0])
@pytest.mark.parametrize("sd", [0.2, 0.7, 1.5])
def test_the_label_is_that_of_two_welch_tests(kit: Any, gap: float, sd: float) -> None:
    """Against scipy's tests on summary statistics, shifted by the margin (Schuirmann 1987)."""
    margin, drawn = 1.5, np.random.default_rng(7).normal(77, sd, size=(20, 2, 3))
    for ours, theirs in drawn:
        reported = reported_of(kit.measured(*map(float, theirs)))
        setting = setting_of(reported, margin, evaluated=None, full_size=None)
        label = assess(ours + gap, reported.value, spread=reported.spread, setting=setting).label
        above, below = (p_of(ours + gap + margin, theirs), p_of(ours + gap - margin, theirs))
        assert (label == EQUIVALENT) == (above["greater"] < 0.05 and below["less"] < 0.05)
        assert (label == DIFFERENT) == (below["greater"] < 0.05 or above["less"] < 0.05)


def p_of(ours: Any, theirs: Any) -> dict[str, float]:
    """One-sided p values of Welch's test from means and standard deviations."""
    sides = [(side.mean(), side.std(ddof=1), 3) for side in (ours, theirs)]
    return {
        way: stats.ttest_ind_from_stats(
            *sides[0], *sides[1], equal_var=False, alternative=way
        ).pvalue
        for way in ("greater", "less")
    }


@pytest.mark.parametrize("sd", [0.3, 0.6, 1.0, 2.0])
def test_error_rates_with_three_runs_on_both_sides(kit: Any, sd: float) -> None:
    reported = reported_of(kit.measured(*THEIRS))
    setting = setting_of(reported, 1.5, evaluated=None, full_size=None)
    wrong, _ = rates(reported, setting, runs=3, sd=sd, gap=1.5)
    below, _ = rates(reported, setting, runs=3, sd=sd, gap=-1.5)
    _, refuted = rates(reported, setting, runs=3, sd=sd, gap=0.0)
    assert max(wrong, below) <= 0.06
    assert refuted <= 0.02
    if sd <= 0.3:
        right, _ = rates(reported, setting, runs=3, sd=sd, gap=0.0)
        assert right > 0.9


def test_the_margin_comes_from_the_items_alone() -> None:
    assert comparison_margin("percent", 999)[0] == 1.5
    assert comparison_margin("percent", 1000) == (
        1.0,
        "fixed before any run; 1.0 point for 1000 items (1000 or more)",
    )
    with pytest.raises(DataError, match="declare one in the preregistration"):
        comparison_margin("loss", 1000)


@pytest.mark.parametrize(
    ("planned", "told"),
    [
        ({"aggregation": "median"}, "the aggregation is median"),
        ({"majority": None}, "what a failed run counts with is open"),
        ({"seeds": []}, "one side has no seeds"),
        ({"aggregation": "median", "majority": None}, "median.*; what a failed run"),
    ],
)
def test_a_plan_that_leaves_something_open_is_refused(kit: Any, planned: dict, told: str) -> None:
    with pytest.raises(DataError, match=told):
        kit.versus(planned=planned)
