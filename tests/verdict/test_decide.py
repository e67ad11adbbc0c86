"""The decision: known answers, order, units, and what noise and missing runs do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verilora.errors import DataError
from verilora.verdict.decide import decide

KNOWN = json.loads((Path(__file__).parents[1] / "vectors" / "decisions.json").read_bytes())


@pytest.mark.parametrize("case", KNOWN["cases"], ids=lambda c: f"{c['aggregation']}-{c['value']}")
def test_known_answers(kit: Any, case: dict) -> None:
    reported = kit.reported(aggregation=case["aggregation"])
    ruling = decide(kit.evidence(case["value"], reported=reported))
    found = ruling.statistics
    assert ruling.decision == case["decision"]
    assert ruling.score == pytest.approx(case["score"], abs=5e-5)
    assert found is not None
    assert found.difference == pytest.approx(case["value"] - 89.7)
    assert found.standard_error == pytest.approx(case["standard_error"], abs=5e-5)
    assert found.degrees_of_freedom == pytest.approx(KNOWN["degrees_of_freedom"], abs=5e-3)
    assert found.interval90 == pytest.approx(tuple(case["interval90"]), abs=5e-4)


def test_statuses_of_the_known_answers(kit: Any) -> None:
    assert decide(kit.evidence(89.5)).status == "reproduced"
    assert decide(kit.evidence(86.0)).status == "not_reproduced"
    assert decide(kit.evidence(86.0, level="near")).status == "inconclusive"
    assert decide(kit.evidence(88.6)).status == "inconclusive"


@pytest.mark.parametrize("evaluated", [8, 32, 100, 407, 408])
def test_one_seed_on_a_slice_is_partial_whatever_the_slice(kit: Any, evaluated: int) -> None:
    measured = kit.measured(89.0, evaluated=evaluated, full_size=408)
    ruling = decide(kit.evidence(measured=measured, level="proxy"))
    assert (ruling.status, ruling.decision) == ("partial", "inconclusive")
    assert ruling.statistics is None
    assert ruling.score is None
    assert ruling.confidence <= 0.60
    assert ruling.reasons[0].name == "no-decision"


def test_a_slice_widens_the_interval(kit: Any) -> None:
    def width(evaluated: int) -> float:
        values = kit.values(89.5)
        measured = kit.measured(*values, evaluated=evaluated, full_size=408)
        found = decide(kit.evidence(measured=measured)).statistics
        assert found is not None
        return found.interval90[1] - found.interval90[0]

    assert width(100) > width(300) > width(408)
    assert width(408) == pytest.approx(1.542, abs=1e-3)


def test_a_slice_of_another_metric_decides_nothing(kit: Any) -> None:
    measured = kit.measured(*kit.values(89.5), evaluated=100, full_size=408)
    ruling = decide(kit.evidence(measured=measured, metric="f1"))
    assert (ruling.decision, ruling.status) == ("inconclusive", "inconclusive")
    assert "is not known for f1" in ruling.reasons[0].sentence


def test_runs_without_a_number_cannot_be_left_out(kit: Any) -> None:
    values = kit.values(89.5)
    for lost in ({"failed": (9,), "seeds": range(5)}, {"runs": 6}):
        ruling = decide(kit.evidence(measured=kit.measured(*values, **lost)))
        assert (ruling.decision, ruling.status) == ("inconclusive", "inconclusive")
        assert any("1 of 6 runs gave no number" in reason.sentence for reason in ruling.reasons)
    counted = kit.measured(*values, failed=(4,), seeds=range(5))
    assert decide(kit.evidence(measured=counted)).status == "reproduced"


@settings(deadline=None, max_examples=25)
@given(st.lists(st.floats(80, 95), min_size=1, max_size=8), st.randoms())
def test_the_order_of_seeds_does_not_matter(kit: Any, values: list[float], chance: Any) -> None:
    first = decide(kit.evidence(measured=kit.measured(*values)))
    chance.shuffle(values)
    assert decide(kit.evidence(measured=kit.measured(*values))) == first


@settings(deadline=None, max_examples=25)
@given(st.floats(80, 95), st.floats(0.01, 3), st.integers(2, 8))
def test_the_other_way_round_is_the_same(kit: Any, centre: float, sd: float, runs: int) -> None:
    """Runs mirrored about the paper's value: the same status, the interval mirrored."""
    values = kit.values(centre, sd=sd, runs=runs)
    one = decide(kit.evidence(measured=kit.measured(*values)))
    other = decide(kit.evidence(measured=kit.measured(*(2 * 89.7 - x for x in values))))
    assert one.decision == other.decision
    assert one.status == other.status
    assert one.statistics is not None
    assert other.statistics is not None
    mirrored = tuple(-end for end in reversed(other.statistics.interval90))
    assert one.statistics.interval90 == pytest.approx(mirrored, abs=2e-6)


@pytest.mark.parametrize(
    ("ours", "theirs"), [("fraction", "percent"), ("percent", "fraction"), ("points", "percent")]
)
def test_mixed_units_are_refused(kit: Any, ours: str, theirs: str) -> None:
    evidence = kit.evidence(
        reported=kit.reported(unit=theirs), measured=kit.measured(89.5, 89.7, unit=ours)
    )
    with pytest.raises(DataError, match=f"measured in {ours} and reported in {theirs}; state both"):
        decide(evidence)


def test_nothing_to_compare_is_refused(kit: Any) -> None:
    with pytest.raises(DataError, match="no run has a number"):
        decide(kit.evidence(measured=kit.measured()))
    with pytest.raises(DataError, match="the margin is 0; a number above 0"):
        decide(kit.evidence(margin=0.0))


def test_compatible_never_means_reproduced(kit: Any) -> None:
    wide = decide(kit.evidence(measured=kit.measured(*kit.values(86.0, sd=6.0))))
    assert wide.statistics is not None
    assert wide.statistics.compatible is True
    assert wide.status == "inconclusive"


def test_equal_runs_are_no_trouble(kit: Any) -> None:
    ruling = decide(kit.evidence(measured=kit.measured(89.7, 89.7, 89.7)))
    assert ruling.status == "reproduced"
    exact = decide(
        kit.evidence(reported=kit.reported(spread=0.0), measured=kit.measured(*[89.7] * 3))
    )
    assert exact.statistics is not None
    assert exact.statistics.degrees_of_freedom is None
    assert exact.score == 1


def test_an_unknown_aggregation_takes_the_weaker_way(kit: Any) -> None:
    # The median lies near the paper's value, the mean does not.
    measured = kit.measured(89.7, 89.7, 89.7, 82.0, 81.0)
    ruling = decide(kit.evidence(measured=measured, reported=kit.reported(aggregation=None)))
    assert ruling.decision == "inconclusive"
    assert ruling.statistics is not None
    assert "the weakest of 2 readings" in ruling.statistics.method


def test_the_first_reason_says_what_the_interval_shows(kit: Any) -> None:
    said = [decide(kit.evidence(centre)).reasons[0] for centre in (89.5, 86.0, 88.6)]
    assert [reason.name for reason in said] == ["equivalent", "different", "inconclusive"]
    assert "[-0.971, 0.571], the margins are ±1.4 points: it lies within" in said[0].sentence
