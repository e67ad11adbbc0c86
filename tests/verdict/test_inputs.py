"""EV-016: runs of another recipe, base or start are found, on either side."""

from __future__ import annotations

from typing import Any

import pytest

from verilora.records.measurement import Inputs
from verilora.verdict.case import Case
from verilora.verdict.inputs import check_inputs

PLANNED = Inputs(recipe="sha256:" + "a" * 64, base="sha256:" + "b" * 64, start=None)
OTHER = "sha256:" + "9" * 64


def made(kit: Any, *found: Inputs | None, planned: Inputs | None = PLANNED) -> Any:
    """The verdict on five runs, made from what is given, and its preregistration."""
    pre = kit.pre(plan=kit.plan(inputs=planned))
    results = kit.results(*kit.items(365), pre=pre)
    given = [*found, *[PLANNED] * (5 - len(found))]
    results = tuple(
        type(result)(**{**vars(result), "inputs": inputs})
        for result, inputs in zip(results, given, strict=True)
    )
    return kit.concluded(results, pre=pre), pre


def test_runs_as_planned_pass(kit: Any) -> None:
    verdict, pre = made(kit)
    answer = check_inputs(Case(verdict, pre))
    assert (answer.passed, verdict.status) == (True, "reproduced")
    assert check_inputs(Case(verdict)).passed is True, "the record alone says what was expected"


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ({"recipe": OTHER}, "another recipe than"),
        ({"base": OTHER}, "another base than"),
        ({"start": OTHER}, "another start than"),
        ({"recipe": OTHER, "start": OTHER}, "another recipe, another start than"),
        (None, "recorded for 4 of 5 runs"),
    ],
)
def test_one_run_made_otherwise_holds_it_down(kit: Any, found: dict | None, told: str) -> None:
    verdict, pre = made(kit, None if found is None else PLANNED.replace(**found))
    answer = check_inputs(Case(verdict, pre))
    assert answer.passed is False
    assert told in answer.detail
    assert verdict.status == "inconclusive"


def test_what_the_record_says_was_expected_counts_for_less_than_the_plan(kit: Any) -> None:
    verdict, pre = made(kit, *[PLANNED.replace(recipe=OTHER)] * 5)
    expected = PLANNED.replace(recipe=OTHER)
    bent = verdict.replace(sanity=verdict.sanity.replace(inputs_expected=expected))
    assert check_inputs(Case(bent, pre)).passed is False


def test_a_failed_run_is_known_by_its_recipe_alone(kit: Any) -> None:
    verdict, pre = made(kit, Inputs(recipe=PLANNED.recipe))
    assert check_inputs(Case(verdict, pre)).passed is True
    verdict, pre = made(kit, Inputs(recipe=OTHER))
    assert check_inputs(Case(verdict, pre)).passed is False


def test_a_plan_without_them_stays_as_it_was(kit: Any) -> None:
    verdict, pre = made(kit, planned=None)
    assert not verdict.sanity.says("inputs")
    assert check_inputs(Case(verdict, pre)).passed is None
    assert verdict.status == "reproduced"


def test_the_reference_has_its_own(kit: Any) -> None:
    reference = {"name": "full fine-tuning", "seeds": [0, 1, 2], "trainable": 9000}
    theirs = PLANNED.replace(recipe="sha256:" + "c" * 64)
    pre = kit.versus(planned={"inputs": PLANNED, "reference": {**reference, "inputs": theirs}})
    sides = (kit.items(320, step=1, runs=3), kit.items(321, step=1, runs=3))
    sound = kit.compared(*sides, pre=pre, inputs=PLANNED, inputs_there=theirs)
    assert check_inputs(Case(sound, pre)).passed is True
    mixed = kit.compared(*sides, pre=pre, inputs=PLANNED, inputs_there=PLANNED)
    answer = check_inputs(Case(mixed, pre))
    assert answer.passed is False
    assert answer.detail.startswith("the reference: some runs were made from another recipe")
