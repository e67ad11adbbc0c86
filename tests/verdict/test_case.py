"""Answers: yes, no, and not checked."""

from __future__ import annotations

from typing import Any

from verilora.records.verdict import Verdict
from verilora.verdict.case import Answer, Case, is_to_measure, unchecked


def test_not_checked_says_why() -> None:
    assert unchecked("no text") == Answer(None, "not checked: no text")


def test_a_case_has_nothing_but_its_verdict_unless_handed_in() -> None:
    case = Case(Verdict(kind="POST", status="pending"))
    assert (case.preregistration, case.paper_text, case.anchors) == (None, None, None)


def test_the_reference_is_that_of_the_preregistration(kit: Any) -> None:
    pre = kit.versus()
    assert is_to_measure(pre)
    assert Case(pre).reference == pre.plan.reference
    own = Verdict(kind="POST", status="reproduced", plan=pre.plan)
    assert not is_to_measure(own)
    assert (Case(own).reference, Case(own).compares) == (None, False)
    assert Case(own, pre).compares
    assert not Case(own, kit.pre()).compares
