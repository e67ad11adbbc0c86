"""Chances before the runs: those of the known table, and sound about what cannot be decided."""

from __future__ import annotations

from typing import Any

import pytest

from verilora.errors import DataError
from verilora.verdict.power import Chance, chances, rates
from verilora.verdict.readings import setting_of


@pytest.mark.parametrize(
    ("way", "same"),
    [("mean", (0.50, 0.76, 0.87, 0.90)), ("median", (0.31, 0.50, 0.66, 0.70))],
)
def test_the_known_table(kit: Any, way: str, same: tuple[float, ...]) -> None:
    found = chances(kit.reported(aggregation=way), 1.4)
    assert [chance.runs for chance in found] == [3, 5, 8, 10]
    assert [chance.equivalent_if_same for chance in found] == pytest.approx(same, abs=0.015)
    for chance in found:
        assert chance.equivalent_if_margin_apart <= 0.054
        assert chance.different_if_same < 0.002
        assert (chance.gap, chance.sd) == (2.8, 0.7)
    refuted = [chance.different_if_gap for chance in found]
    assert refuted == sorted(refuted)


def test_a_plan_says_the_same_each_time(kit: Any) -> None:
    (first,) = chances(kit.reported(), 1.4, runs=[3])
    (second,) = chances(kit.reported(), 1.4, runs=[3])
    assert first == second
    assert Chance.model_validate_json(first.canonical()) == first


def test_what_lowers_the_chance(kit: Any) -> None:
    def chance(margin: float = 1.4, **given: Any) -> float:
        reported = kit.reported(**given.pop("reported", {}))
        return chances(reported, margin, runs=[5], **given)[0].equivalent_if_same

    sound = chance()
    assert chance(margin=0.7) < sound
    assert chance(sd=1.5) < sound
    assert chance(reported={"spread": None}, sd=0.7) < sound
    assert chance(evaluated=100, full_size=408) < 0.05


def test_the_error_holds_under_either_kind_of_spread(kit: Any) -> None:
    reported = kit.reported(spread_kind="unknown")
    setting = setting_of(reported, 1.4, evaluated=None, full_size=None)
    same, different = rates(reported, setting, runs=5, sd=0.7, gap=1.4)
    assert same <= 0.054
    assert different <= 0.054


def test_what_cannot_be_planned_is_refused(kit: Any) -> None:
    with pytest.raises(DataError, match="no spread is known to plan with"):
        chances(kit.reported(spread=None), 1.4)
    with pytest.raises(DataError, match="1 run decides nothing"):
        chances(kit.reported(), 1.4, runs=[1, 3])
