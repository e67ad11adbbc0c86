"""EV-006 to EV-011, EV-015: the planned runs were made, and the machinery worked."""

from __future__ import annotations

from typing import Any

import pytest

from verilora.records.measurement import Sanity
from verilora.records.verdict import Verdict
from verilora.verdict.case import Case
from verilora.verdict.machinery import (
    check_anchors,
    check_baseline,
    check_data,
    check_losses,
    check_parameters,
    check_seeds,
    lower_end,
)

SHA, OTHER = "sha256:" + "1" * 64, "sha256:" + "2" * 64


def post(kit: Any, *values: float, sanity: dict | None = None, **changes: Any) -> Verdict:
    metric = changes.pop("metric", "accuracy")
    return Verdict(
        kind="POST",
        status="partial",
        claim_citation=kit.citation(reported_metric=metric),
        reported=kit.reported(),
        measured=kit.measured(*values, **changes) if values else None,
        sanity=None if sanity is None else Sanity.model_validate(sanity),
    )


@pytest.mark.parametrize(
    ("changes", "passed", "told"),
    [
        ({"seeds": (0, 1, 2, 3, 4)}, True, "0, 1, 2, 3, 4"),
        ({"seeds": (4, 2, 0, 1, 3)}, True, "are those planned"),
        (
            {"seeds": (0, 1, 2, 3, 5)},
            False,
            "seeds 4 were planned and are missing; seeds 5 were run",
        ),
        ({}, False, "seeds of the runs are not recorded"),
    ],
)
def test_seeds_are_those_planned(kit: Any, changes: dict, passed: bool, told: str) -> None:
    answer = check_seeds(Case(post(kit, *kit.values(89.5), **changes), kit.pre()))
    assert answer.passed is passed
    assert told in answer.detail


def test_a_failed_seed_is_not_a_dropped_one(kit: Any) -> None:
    four = kit.values(89.5, runs=4)
    kept = post(kit, *four, seeds=(0, 1, 2, 3), failed=(4,))
    assert check_seeds(Case(kept, kit.pre())).passed is True
    dropped = post(kit, *four, seeds=(0, 1, 2, 3))
    assert check_seeds(Case(dropped, kit.pre())).passed is False
    assert check_seeds(Case(dropped)).passed is None


@pytest.mark.parametrize(
    ("anchors", "passed"),
    [
        (None, None),
        ({}, None),
        ({"demo": "no data"}, None),
        ({"demo": "healthy", "mrpc": "no data"}, True),
        ({"demo": "healthy", "mrpc": "drift"}, False),
    ],
)
def test_anchors(kit: Any, anchors: dict | None, passed: bool | None) -> None:
    assert check_anchors(Case(post(kit), anchors=anchors)).passed is passed


@pytest.mark.parametrize(
    ("values", "changes", "passed"),
    [
        ((79.0, 80.0, 81.0), {}, True),
        ((69.0, 60.0, 80.0), {}, False),
        ((68.38, 68.38, 68.38), {}, False),
        ((75.0,), {"evaluated": 408, "full_size": 408}, True),
        ((70.0,), {"evaluated": 408, "full_size": 408}, False),
        ((75.0,), {"evaluated": 20, "full_size": 408}, False),
        ((75.0,), {}, None),
        ((75.0,), {"evaluated": 408, "metric": "f1"}, None),
    ],
)
def test_the_majority_class_is_beaten_with_its_interval(
    kit: Any, values: tuple, changes: dict, passed: bool | None
) -> None:
    sanity = {"majority": 68.38, "unit": "percent"}
    answer = check_baseline(Case(post(kit, *values, sanity=sanity, **changes)))
    assert answer.passed is passed


def test_the_majority_class_is_recorded_in_the_same_unit(kit: Any) -> None:
    assert check_baseline(Case(post(kit, 80.0))).passed is None
    mixed = post(kit, 80.0, 81.0, sanity={"majority": 0.68, "unit": "fraction"})
    assert check_baseline(Case(mixed)).passed is False


def lower(verdict: Verdict) -> float | None:
    return lower_end(verdict, verdict.measured)


def test_the_lower_end_is_that_of_student(kit: Any) -> None:
    found = lower(post(kit, 79.0, 80.0, 81.0))
    assert found == pytest.approx(80 - 2.919986 / 3**0.5, abs=1e-5)
    part = lower(post(kit, 79.0, 80.0, 81.0, evaluated=100, full_size=408))
    assert part is not None
    assert part < found
    assert lower(post(kit)) is None


@pytest.mark.parametrize(
    ("check", "sanity", "passed", "told"),
    [
        (check_parameters, {"trainable_expected": 9, "trainable": [9, 9]}, True, "9 parameters"),
        (check_parameters, {"trainable_expected": 9, "trainable": [9, 8]}, False, "8 parameters"),
        (check_parameters, {"trainable_expected": 9}, None, "not recorded"),
        (check_losses, {"losses_first": [0.7, 0.7], "losses_last": [0.3, 0.2]}, True, "2 of 2"),
        (check_losses, {"losses_first": [0.7] * 3, "losses_last": [0.3, 0.2, 0.9]}, True, "2 of 3"),
        (check_losses, {"losses_first": [0.7, 0.7], "losses_last": [0.3, 0.7]}, False, "1 of 2"),
        (check_losses, {"losses_first": [0.7], "losses_last": []}, False, "1 first and 0 last"),
        (check_losses, {}, None, "not recorded"),
        (check_data, {"data_expected": SHA, "data": [SHA, SHA]}, True, "all runs saw"),
        (check_data, {"data_expected": SHA, "data": [SHA, OTHER]}, False, "1 of 2 runs saw other"),
        (check_data, {"data": [SHA]}, None, "not recorded"),
    ],
)
def test_sanity(kit: Any, check: Any, sanity: dict, passed: bool | None, told: str) -> None:
    answer = check(Case(post(kit, 80.0, sanity=sanity)))
    assert answer.passed is passed
    assert told in answer.detail


@pytest.mark.parametrize("check", [check_parameters, check_losses, check_data, check_baseline])
def test_nothing_recorded_is_not_checked(kit: Any, check: Any) -> None:
    assert check(Case(post(kit, 80.0))).passed is None


@pytest.mark.parametrize("check", [check_parameters, check_losses, check_data])
def test_a_run_that_is_left_out_of_the_record_may_be_the_one_that_fails(
    kit: Any, check: Any
) -> None:
    def answer(runs: int, **changes: Any) -> bool | None:
        sanity = {
            "trainable_expected": 5,
            "trainable": (5,) * runs,
            "losses_first": (0.7,) * runs,
            "losses_last": (0.3,) * runs,
            "data_expected": SHA,
            "data": (SHA,) * runs,
        }
        return check(Case(post(kit, *kit.values(89.5), sanity=sanity, **changes))).passed

    assert answer(5) is True
    assert answer(4) is False
    assert answer(4, seeds=(0, 1, 2, 3, 4), failed=(4,)) is True
