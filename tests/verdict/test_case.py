"""Answers: yes, no, and not checked."""

from __future__ import annotations

from verilora.records.verdict import Verdict
from verilora.verdict.case import Answer, Case, unchecked


def test_not_checked_says_why() -> None:
    assert unchecked("no text") == Answer(None, "not checked: no text")


def test_a_case_has_nothing_but_its_verdict_unless_handed_in() -> None:
    case = Case(Verdict(kind="POST", status="pending"))
    assert (case.preregistration, case.paper_text, case.anchors) == (None, None, None)
