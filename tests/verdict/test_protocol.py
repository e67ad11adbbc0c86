"""Rows to a level: the weakest rules, and no deviation ever raises it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verilora.records.protocol import DIMENSIONS, LEVELS, Row
from verilora.verdict.protocol import (
    CONFIDENCE,
    HIGHEST,
    deviations,
    level_of,
    lowest,
    three_levels,
)

WORSENING = ("same", "equivalent", "silent_before", "silent_after", "different", "unknown")
STATES = st.lists(st.sampled_from(WORSENING), min_size=12, max_size=12)


def rows_of(kit: Any, states: list[str]) -> list[Row]:
    return [kit.row(name, state) for name, state in zip(DIMENSIONS, states, strict=True)]


@pytest.mark.parametrize(
    ("states", "level"),
    [
        ({}, "exact"),
        ({"base": "equivalent", "optimiser": "silent_before"}, "exact"),
        ({"precision": "different"}, "near"),
        ({"environment": "different", "precision": "different"}, "near"),
        ({"optimiser": "silent_after"}, "near"),
        ({"base": "different"}, "proxy"),
        ({"start": "different", "precision": "different"}, "proxy"),
        ({"evaluation": "different"}, "proxy"),
        ({"selection": "different"}, "proxy"),
        ({"environment": "unknown"}, "unknown"),
        ({"base": "different", "metric": "unknown"}, "unknown"),
    ],
)
def test_level(kit: Any, states: dict[str, str], level: str) -> None:
    assert level_of(kit.rows(**states)) == level


def test_a_dimension_without_a_row_is_unknown(kit: Any) -> None:
    assert level_of(kit.rows()[1:]) == "unknown"
    assert level_of([]) == "unknown"


@settings(deadline=None, max_examples=200)
@given(STATES, st.integers(0, 11), st.sampled_from(WORSENING), st.randoms())
def test_more_deviation_never_raises_the_level(
    kit: Any, states: list[str], place: int, other: str, chance: Any
) -> None:
    worse = list(states)
    worse[place] = max(states[place], other, key=WORSENING.index)
    before, after = rows_of(kit, states), rows_of(kit, worse)
    chance.shuffle(after)
    assert LEVELS.index(level_of(after)) >= LEVELS.index(level_of(before))
    dropped = after[1:]
    assert LEVELS.index(level_of(dropped)) >= LEVELS.index(level_of(after))


def test_what_each_level_allows_only_falls() -> None:
    caps = [CONFIDENCE[level] for level in LEVELS]
    assert caps == [0.99, 0.85, 0.60, 0.30]
    assert HIGHEST["exact"] == ("reproduced", "not_reproduced")
    assert HIGHEST["near"] == ("reproduced",)
    assert HIGHEST["proxy"] == ("partial",)
    assert HIGHEST["unknown"] == ("pending",)


def test_three_levels() -> None:
    assert [three_levels(level) for level in LEVELS] == ["exact", "proxy", "proxy", "unknown"]
    assert lowest([]) == "exact"


def test_every_deviation_is_a_sentence(kit: Any) -> None:
    states = {"base": "different", "start": "unknown", "optimiser": "silent_after"}
    told = deviations(kit.rows(**states)[:-1])
    assert len(told) == 4
    assert told[0].startswith("base model and its revision: the paper has")
    assert "chosen after the runs" in told[2]
    assert told[3].endswith("not recorded")
    assert deviations(kit.rows(metric="equivalent", base="silent_before")) == ()
