"""The rules that hold a status down, one by one, each with its sentence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verilora.records.protocol import LEVELS
from verilora.records.verdict import Status
from verilora.verdict.limits import (
    SANITY,
    Finding,
    Standing,
    label_of,
    limits,
    status_of,
)
from verilora.verdict.lower import down_from, lowest_of, meet
from verilora.verdict.statistics import DIFFERENT, EQUIVALENT, INCONCLUSIVE

SAME = Finding(EQUIVALENT, within=True, one_side=False)
OTHER = Finding(DIFFERENT, within=False, one_side=True)
OPEN = Finding(INCONCLUSIVE, within=True, one_side=False)


@pytest.fixture
def sound(kit: Any) -> Standing:
    return Standing(level="exact", runs=5, numbers=5, registered=True, gates=kit.gates())


@pytest.mark.parametrize(
    ("changes", "same", "other", "undecided"),
    [
        ({}, "reproduced", "not_reproduced", "inconclusive"),
        ({"level": "near"}, "reproduced", "inconclusive", "inconclusive"),
        ({"level": "proxy"}, "partial", "inconclusive", "partial"),
        ({"level": "unknown"}, "pending", "pending", "pending"),
        ({"registered": False}, "partial", "inconclusive", "inconclusive"),
        ({"runs": 4, "numbers": 4}, "reproduced", "inconclusive", "inconclusive"),
        ({"runs": 3, "numbers": 3}, "reproduced", "inconclusive", "inconclusive"),
        ({"runs": 2, "numbers": 2}, "partial", "inconclusive", "inconclusive"),
        ({"runs": 6}, "inconclusive", "inconclusive", "inconclusive"),
        ({"undecided": "why"}, "inconclusive", "inconclusive", "inconclusive"),
    ],
)
def test_statuses(sound: Standing, changes: dict, same: str, other: str, undecided: str) -> None:
    standing = replace(sound, **changes)
    found = [status_of(finding, standing) for finding in (SAME, OTHER, OPEN)]
    assert found == [same, other, undecided]


def test_a_refutation_wants_every_seed_on_one_side(sound: Standing) -> None:
    assert status_of(replace(OTHER, one_side=False), sound) == "inconclusive"


def test_a_proxy_outside_the_margin_is_not_partial(sound: Standing) -> None:
    proxy = replace(sound, level="proxy")
    assert status_of(replace(OPEN, within=False), proxy) == "inconclusive"


@pytest.mark.parametrize(
    ("gate", "status"),
    [
        ({"EV_001": False}, "partial"),
        ({"EV_002": False}, "partial"),
        ({"EV_002": None}, "reproduced"),
        ({"EV_005": False}, "pending"),
        ({"EV_007": False}, "partial"),
        ({"EV_008": False}, "inconclusive"),
        ({"EV_008": None}, "partial"),
        ({"EV_011": False}, "inconclusive"),
    ],
)
def test_gates_hold_a_status_down(kit: Any, sound: Standing, gate: dict, status: str) -> None:
    assert status_of(SAME, replace(sound, gates=kit.gates(**gate))) == status


def test_sanity_that_is_not_recorded_was_not_shown(sound: Standing) -> None:
    bare = replace(sound, gates=())
    assert status_of(SAME, bare) == "partial"
    (limit,) = limits(bare, SAME)
    assert all(rule in limit.sentence for rule in SANITY)


def test_reasons_are_the_limits(sound: Standing) -> None:
    assert limits(sound, SAME) == ()
    poor = Standing("proxy", 1, 1, registered=False, deviations=("another base",))
    found = {limit.name: limit.sentence for limit in limits(poor, OPEN)}
    assert set(found) == {"proxy", "few-seeds", "exploratory", "sanity-not-shown"}
    assert "another base" in found["proxy"]
    assert "one seed was run" in found["few-seeds"]
    none = {limit.name: limit.sentence for limit in limits(replace(poor, runs=0, numbers=0))}
    assert "counts as one seed" in none["few-seeds"]
    few = replace(sound, runs=4, numbers=4)
    assert [limit.name for limit in limits(few, OTHER)] == ["few-seeds-to-refute"]
    assert limits(few, SAME) == ()


FINDINGS = st.builds(Finding, st.sampled_from([0, 1, 2]), st.booleans(), st.booleans())
STANDINGS = st.builds(
    Standing,
    level=st.sampled_from(LEVELS),
    runs=st.integers(0, 8),
    numbers=st.integers(0, 8),
    registered=st.booleans(),
)


@settings(deadline=None)
@given(FINDINGS, STANDINGS, st.sampled_from(SANITY), st.booleans())
def test_a_status_is_below_every_limit(kit: Any, finding: Any, standing: Any, rule: str, ok: bool):
    standing = replace(standing, gates=kit.gates(**{rule.replace("-", "_"): ok}))
    status = status_of(finding, standing)
    assert status in get_args(Status)
    for limit in limits(standing, finding):
        assert status in down_from(limit.ceiling)
    assert lowest_of([limit.ceiling for limit in limits(standing, finding)], start=status) == status


@settings(deadline=None)
@given(FINDINGS, STANDINGS, st.sampled_from(["gate", "registration"]))
def test_losing_something_never_raises_a_status(
    kit: Any, finding: Finding, standing: Standing, lost: str
) -> None:
    better = replace(standing, registered=True, gates=kit.gates())
    worse = replace(better, registered=False)
    if lost == "gate":
        worse = replace(better, gates=kit.gates(EV_010=False))
    before, after = status_of(finding, better), status_of(finding, worse)
    assert meet(before, after) == after


def test_the_label_that_counts(sound: Standing) -> None:
    assert label_of(SAME, sound) == EQUIVALENT
    assert label_of(SAME, replace(sound, undecided="why")) == INCONCLUSIVE
