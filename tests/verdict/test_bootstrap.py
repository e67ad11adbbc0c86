"""Confidence: fixed draws, the cap of the level, and frequencies that a check can meet."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from verilora.verdict.bootstrap import REPEATS, Model, confidence, findings, normals
from verilora.verdict.limits import Standing
from verilora.verdict.readings import Setting, setting_of

MODEL = Model(89.5, 0.6, 5, 89.7, 0.7, "mean", 1.0)


@pytest.fixture
def setting(kit: Any) -> Setting:
    return setting_of(kit.reported(), 1.4, evaluated=None, full_size=None)


@pytest.fixture
def sound(kit: Any) -> Standing:
    return Standing("exact", 5, 5, registered=True, gates=kit.gates())


def test_the_draws_are_those_that_they_always_were() -> None:
    assert normals(4) == pytest.approx([1.10490585, -0.39482935, -0.96364895, 0.78958554], abs=1e-8)
    assert normals(4, seed=1) != pytest.approx(normals(4))


def test_the_draws_are_normal() -> None:
    drawn = normals(40_000)
    assert drawn.mean() == pytest.approx(0, abs=0.02)
    assert drawn.std() == pytest.approx(1, abs=0.02)
    assert np.mean(np.abs(drawn) < 1.959964) == pytest.approx(0.95, abs=0.005)


def test_the_same_numbers_give_the_same_confidence(setting: Setting, sound: Standing) -> None:
    found = {
        confidence(MODEL, status="reproduced", setting=setting, standing=sound) for _ in range(2)
    }
    assert len(found) == 1


def test_shares_of_all_statuses_add_up(setting: Setting, sound: Standing) -> None:
    shares = [
        confidence(MODEL, status=status, setting=setting, standing=sound)  # type: ignore[arg-type]
        for status in ("reproduced", "not_reproduced", "inconclusive")
    ]
    assert sum(shares) == pytest.approx(1, abs=0.002)
    assert shares[0] == pytest.approx(0.80, abs=0.03)


@pytest.mark.parametrize(
    ("level", "status", "highest"),
    [
        ("exact", "reproduced", 0.99),
        ("near", "reproduced", 0.85),
        ("proxy", "partial", 0.60),
        ("unknown", "pending", 0.30),
    ],
)
def test_the_level_caps_it(
    setting: Setting, sound: Standing, level: Any, status: Any, highest: float
) -> None:
    sure = replace(MODEL, centre=89.7, sd=0.01, paper_sd=0.01)
    standing = replace(sound, level=level)
    assert confidence(sure, status=status, setting=setting, standing=standing) == highest


def test_without_any_spread_it_is_that_of_an_unknown_protocol(
    setting: Setting, sound: Standing
) -> None:
    assert confidence(None, status="partial", setting=setting, standing=sound) == 0.30


def test_many_runs_are_drawn_in_bounds(setting: Setting, sound: Standing) -> None:
    many = replace(MODEL, runs=1000)
    wide = replace(setting, runs=1000)
    found = confidence(many, status="reproduced", setting=wide, standing=sound)
    assert 0.9 < found <= 0.99
    assert REPEATS == 5000


def test_findings(kit: Any, setting: Setting) -> None:
    values = np.array([kit.values(89.5), kit.values(86.0), kit.values(93.0)])
    label, within, one_side = findings(values, np.full(3, 89.7), spread=0.7, setting=setting)
    assert label.tolist() == [1, 2, 2]
    assert within.tolist() == [True, False, False]
    assert one_side.tolist() == [False, True, True]
    label, within, _ = findings(np.array([[89.0], [80.0]]), 89.7, spread=0.7, setting=setting)
    assert (label.tolist(), within.tolist()) == ([0, 0], [True, False])
