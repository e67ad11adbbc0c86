"""EV-013: a preregistration that was there before, and was kept to."""

from __future__ import annotations

from typing import Any

import pytest

from verilora.records.verdict import Verdict
from verilora.verdict.case import Answer, Case
from verilora.verdict.registration import check_registration

SHA = "sha256:" + "1" * 64


def registration(kit: Any, pre: Verdict | None, **changes: Any) -> Answer:
    return check_registration(Case(kit.post().replace(**changes), pre))


def test_a_preregistration_that_was_kept_to(kit: Any) -> None:
    assert registration(kit, kit.pre()).passed is True


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"preregistration": SHA}, "the verdict names"),
        ({"preregistration": None}, "the verdict names None"),
        ({"computed_at": "2025-12-31T23:59:59Z"}, "it was made at"),
        ({"computed_at": "2026-01-01T01:00:00+02:00"}, "it was made at"),
        ({"computed_at": "yesterday"}, "it was made at"),
        ({"computed_at": None}, "it was made at"),
    ],
)
def test_one_that_is_another_or_came_later(kit: Any, changes: dict, told: str) -> None:
    answer = registration(kit, kit.pre(), **changes)
    assert answer.passed is False
    assert told in answer.detail


def test_what_was_changed_afterwards_is_noticed(kit: Any) -> None:
    made = kit.post()
    statistics = made.statistics.replace(margin=3.0)
    rows = kit.rows(optimiser="silent_before")
    cases = {
        "margin was 1.4 and became 3": {"statistics": statistics},
        "reported number was changed": {"reported": kit.reported(spread=2.0)},
        "aggregation was mean": {"measured": made.measured.replace(aggregation="median")},
        "optimiser were not fixed": {"protocol": (*rows[:7], rows[7].replace(ours="that"))},
    }
    for told, changes in cases.items():
        answer = registration(kit, kit.pre(), **changes)
        assert answer.passed is False
        assert told in answer.detail
    assert registration(kit, kit.pre(protocol=rows), preregistration=None).passed is False


def test_none_at_hand_is_not_checked(kit: Any) -> None:
    answer = registration(kit, None)
    assert answer.passed is None
    assert "named: sha256:" in answer.detail


@pytest.mark.parametrize(
    ("planned", "became", "passed"),
    [
        ("different", "same", False),
        ("unknown", "different", False),
        ("different", "different", True),
        ("same", "different", True),
        ("same", "equivalent", True),
    ],
)
def test_a_row_never_gets_better_than_it_was_planned(
    kit: Any, planned: str, became: str, passed: bool
) -> None:
    pre = kit.pre(protocol=kit.rows(base=planned))
    answer = check_registration(Case(kit.post(pre=pre, protocol=kit.rows(base=became)), pre))
    assert answer.passed is passed
    assert passed or f"base was '{planned}' and became '{became}'" in answer.detail
