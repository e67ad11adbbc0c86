"""EV-004, EV-005, EV-012, EV-014: numbers that can be, in one unit, that fit each other."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verilora.records.verdict import Verdict
from verilora.verdict.case import Case
from verilora.verdict.plausibility import (
    check_agreement,
    check_possible,
    check_recorded,
    check_units,
    possible,
    right_items,
    unrecorded,
)


def case(kit: Any, *values: float, metric: str = "accuracy", **changes: Any) -> Case:
    reported = changes.pop("reported", kit.reported())
    cited = changes.pop("cited", reported.value)
    measured = kit.measured(*values, **changes) if values else None
    return Case(
        Verdict(
            kind="POST",
            status="partial",
            reported=reported,
            claim_citation=kit.citation(reported_metric=metric, reported_value=cited),
            measured=measured,
            protocol=kit.rows(),
        )
    )


@pytest.mark.parametrize(
    ("value", "changes", "passed", "told"),
    [
        (89.7, {}, True, "89.7 % of 408 items is 366 right (89.706 %)"),
        (89.6, {"aggregation": "single", "runs": 1}, False, "365 right give 89.461 %, 366 give"),
        (89.6, {"aggregation": "median"}, False, "impossible"),
        (89.6, {"aggregation": "median", "runs": 4}, True, "possible as a median"),
        (89.6, {"aggregation": "mean"}, True, "possible as a mean"),
        (89.6, {"aggregation": None}, None, "unless it is a mean"),
        (89.8, {"aggregation": "median"}, False, "impossible"),
        (100.4, {"aggregation": "median"}, False, "impossible"),
        (0.0, {"aggregation": "median"}, True, "is 0 right"),
        (100.0, {"aggregation": "median"}, True, "is 408 right"),
        (89.71, {"aggregation": "median", "decimals": 2}, True, "366 right"),
        (89.72, {"aggregation": "median", "decimals": 2}, False, "impossible"),
    ],
)
def test_values_that_408_items_can_give(
    kit: Any, value: float, changes: dict, passed: bool | None, told: str
) -> None:
    answer = possible(kit.reported(value=value, **changes), 408)
    assert answer.passed is passed
    assert told in answer.detail


@settings(deadline=None)
@given(st.integers(1, 20_000), st.data(), st.integers(0, 3))
def test_every_share_that_was_rounded_is_possible(items: int, data: Any, decimals: int) -> None:
    right = data.draw(st.integers(0, items))
    printed = round(100 * right / items, decimals)
    found = right_items(printed, items, half=0.5 * 10**-decimals)
    assert found is not None
    assert abs(100 * found / items - printed) <= 0.5 * 10**-decimals + 1e-6


def test_a_huge_number_of_items_is_no_trouble() -> None:
    assert right_items(50.0, 2**53 - 2, half=0.05) is not None


def test_measured_values_are_looked_at_too(kit: Any) -> None:
    fine = case(kit, 100 * 366 / 408, 89.71, evaluated=408, full_size=408)
    assert check_possible(fine).passed is True
    wrong = check_possible(case(kit, 89.0, evaluated=8, full_size=408))
    assert wrong.passed is False
    assert wrong.detail.startswith("measured: 89 % of 8 items is impossible: 7 right")
    stand_in = case(kit, 68.4, seeds=(3,), failed=(3,), evaluated=408, full_size=408)
    assert check_possible(stand_in).passed is True


def test_what_is_no_share_is_not_checked(kit: Any) -> None:
    assert check_possible(case(kit, 63.4, metric="matthews")).passed is None
    assert check_possible(case(kit, 63.4)).passed is None


@pytest.mark.parametrize(
    ("reported", "changes", "told"),
    [
        ({}, {"values": [0.897]}, "0.897 beside 89.7, a fraction beside a percentage"),
        ({}, {"values": [89.5, 0.895, 89.9]}, "0.895 beside 89.7"),
        ({}, {"values": [0.897], "unit": "fraction"}, "reported in percent, measured in fraction"),
        ({"value": 0.897, "spread": 0.007}, {"values": [89.5]}, "89.5 beside 0.897"),
        ({}, {"values": [89.5], "cited": 0.897}, "the citation says 0.897 beside 89.7"),
        ({"value": 101.0}, {"values": [89.5]}, "101 cannot be a percent"),
        ({"value": 0.9, "unit": "fraction"}, {"values": [1.2], "unit": "fraction"}, "1.2 cannot"),
    ],
)
def test_mixed_units_are_refused(kit: Any, reported: dict, changes: dict, told: str) -> None:
    given = {"unit": "percent", **changes}
    answer = check_units(
        case(kit, *given.pop("values"), reported=kit.reported(**reported), **given)
    )
    assert answer.passed is False
    assert told in answer.detail
    assert answer.detail.endswith("state all in one unit")


@settings(deadline=None, max_examples=60)
@given(st.floats(2, 100), st.floats(0.6, 1.6))
def test_a_fraction_beside_a_percentage_is_always_seen(kit: Any, value: float, off: float) -> None:
    fraction = min(1.0, value * off / 100)
    reported = kit.reported(value=value)
    assert check_units(case(kit, fraction, reported=reported)).passed is False
    percent = min(100.0, 100 * fraction)
    assert check_units(case(kit, percent, reported=reported)).passed is True


def test_a_failed_model_is_no_mixed_unit(kit: Any) -> None:
    reported = kit.reported(value=63.4)
    assert check_units(case(kit, 0.0, metric="matthews", reported=reported)).passed is True
    one = case(kit, 63.0, 0.6, 62.0, metric="matthews", reported=reported)
    assert check_units(one).passed is True
    every = case(kit, 0.63, 0.6, 0.62, metric="matthews", reported=reported)
    assert check_units(every).passed is False
    assert check_units(case(kit, 0.0, reported=kit.reported(value=0.0))).passed is True


def test_units_that_are_not_recorded_are_not_checked(kit: Any) -> None:
    bare = Verdict(kind="POST", status="partial", claim_citation=kit.citation())
    assert check_units(Case(bare)).passed is None


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"mean": 90.0}, "mean is given as 90, the values give 89"),
        ({"sd": 0.5}, "sd is given as 0.5, the values give 1"),
        ({"value": 88.0}, "value is given as 88"),
        ({"aggregation": "median"}, "the paper gives a mean, ours is a median"),
        ({"cited": 89.6}, "the citation says 89.6, reported.value 89.7"),
    ],
)
def test_numbers_that_disagree(kit: Any, changes: dict, told: str) -> None:
    sound = case(kit, 88.0, 89.0, 90.0, mean=89.0, sd=1.0, value=89.0, aggregation="mean")
    assert check_agreement(sound).passed is True
    answer = check_agreement(case(kit, 88.0, 89.0, 90.0, **changes))
    assert answer.passed is False
    assert told in answer.detail


def test_agreement_needs_both_sides(kit: Any) -> None:
    assert check_agreement(case(kit)).passed is None
    single = kit.reported(aggregation="single", runs=1, spread=None)
    assert check_agreement(case(kit, 89.0, aggregation="mean", reported=single)).passed is True


def test_what_is_not_recorded_is_named(kit: Any) -> None:
    assert check_recorded(case(kit, 89.0)).passed is True
    bare = Verdict(kind="POST", status="partial", score=0.89, claim_citation=kit.citation())
    names = [reason.name for reason in unrecorded(bare)]
    assert names == ["spread", "runs", "aggregation", "unit", "start", "score-unit"]
    answer = check_recorded(Case(bare))
    assert answer.passed is False
    assert "the score 0.89 has no unit beside a value of 89.7" in answer.detail


def test_null_is_recorded(kit: Any) -> None:
    plain = kit.reported(spread=None, runs=None, aggregation=None)
    assert unrecorded(case(kit, 89.0, reported=plain).verdict) == ()
