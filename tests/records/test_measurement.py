"""Reported and measured numbers: units, counts that fit each other, seeds once each."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from verilora.records.measurement import Measured, Reported, refuse_repeated


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"value": 89.7}, "unit"),
        ({"value": 89.7, "unit": "%"}, "unit"),
        ({"value": 89.7, "unit": "percent", "spread": -0.1}, "spread"),
        ({"value": 89.7, "unit": "percent", "runs": 0}, "runs"),
        ({"value": 89.7, "unit": "percent", "runs": 10**6}, "runs"),
        ({"value": 89.7, "unit": "percent", "decimals": 16}, "decimals"),
        ({"value": 89.7, "unit": "percent", "spread_kind": "iqr"}, "spread_kind"),
        ({"value": 89.7, "unit": "percent", "aggregation": "single", "runs": 3}, "of 3 runs"),
    ],
)
def test_reported_refuses(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Reported.model_validate(wrong)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"values": [80.0]}, "unit"),
        ({"values": ["80.0"]}, "values"),
        ({"values": [80.0, 81.0], "seeds": [0]}, "1 seeds and 2 values"),
        ({"values": [80.0, 81.0], "seeds": [3, 3]}, "seed 3 stands there twice"),
        ({"values": [80.0], "evaluated": 409, "full_size": 408}, "409 items of 408"),
        ({"values": [80.0, 81.0], "runs": 1}, "2 values cannot come from 1 runs"),
        ({"values": [80.0], "sd": -1.0}, "sd"),
        ({"values": [80.0] * 1001}, "1000"),
    ],
)
def test_measured_refuses(wrong: dict[str, Any], told: str) -> None:
    given = wrong if told == "unit" else {"unit": "percent", **wrong}
    with pytest.raises(ValidationError, match=told):
        Measured.model_validate(given)


def test_reads_back() -> None:
    measured = Measured(values=(80.0, 81.5), unit="percent", seeds=(0, 1), failed=(2,), runs=3)
    assert Measured.model_validate(measured.to_mapping()) == measured
    assert "mean" not in measured.to_mapping()


def test_all_repeated_seeds_are_told() -> None:
    refuse_repeated([0, 1, 2])
    with pytest.raises(ValueError, match="seed 1, 4 stands there twice"):
        refuse_repeated([4, 1, 4, 1, 2])
