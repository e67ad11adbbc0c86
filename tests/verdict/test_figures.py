"""What is written down of a comparison, and the populations that repeats are drawn from."""

from __future__ import annotations

from typing import Any

import pytest

from verilora.records.measurement import Statistics
from verilora.verdict.figures import model_of, rounded, statistics_of
from verilora.verdict.readings import assess, setting_of


def found(kit: Any, *values: float, evaluated: int | None = None, **changes: Any) -> Statistics:
    reported, measured = kit.reported(**changes), kit.measured(*values)
    full = 408 if evaluated else None
    setting = setting_of(reported, 1.4, evaluated=evaluated, full_size=full)
    outcome = assess(values, reported.value, spread=reported.spread, setting=setting)
    return statistics_of(
        reported, measured, setting=setting, outcome=outcome, margin_source="declared"
    )


def test_statistics(kit: Any) -> None:
    made = found(kit, *kit.values(89.5))
    assert made.difference == -0.2
    assert made.margin_source == "declared"
    assert made.compatible is True
    assert made.prediction95 == pytest.approx((89.5 - 1.0566, 89.5 + 1.0566), abs=1e-3)
    assert "± taken as standard deviation" in made.method
    assert Statistics.model_validate_json(made.canonical()) == made


def test_the_method_says_what_was_done(kit: Any) -> None:
    values = kit.values(89.5)
    assert "difference of medians" in found(kit, *values, aggregation="median").method
    assert "weakest of 2 readings" in found(kit, *values, spread_kind="unknown").method
    assert "no spread printed" in found(kit, *values, spread=None).method
    assert "100 of 408 items" in found(kit, *values, evaluated=100).method


def model(kit: Any, *values: float, evaluated: int | None = None, **changes: Any) -> Any:
    reported, measured = kit.reported(**changes), kit.measured(*values)
    full = 408 if evaluated else None
    setting = setting_of(reported, 1.4, evaluated=evaluated, full_size=full)
    outcome = None
    if len(values) > 1:
        outcome = assess(values, reported.value, spread=reported.spread, setting=setting)
    return model_of(reported, measured, setting=setting, outcome=outcome)


def test_models(kit: Any) -> None:
    both = model(kit, *kit.values(89.5))
    assert (both.sd, both.paper_sd) == pytest.approx((0.6, 0.7))
    assert both.spread_shown == 1
    ours = model(kit, *kit.values(89.5), spread=None)
    assert (ours.sd, ours.paper_sd, ours.spread_shown) == (pytest.approx(0.6), ours.sd, None)
    theirs = model(kit, 89.0, evaluated=100)
    assert (theirs.sd, theirs.runs) == (0.7, 1)
    assert theirs.fixed > 1
    assert model(kit, 89.0, spread=None) is None


def test_rounded() -> None:
    assert rounded(89.5 - 89.7) == -0.2
    assert str(rounded(-1e-9)) == "0.0"
