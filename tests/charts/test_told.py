"""Captions: what is seen, in words."""

from __future__ import annotations

from typing import Any

from verilora.charts.told import caption


def told(document: Any, *, drawn: bool = True) -> str:
    return caption(document.verdict, document.verdicts.pre.plan, margin=1.4, drawn=drawn)


def test_the_decision_is_told_as_it_is_seen(reproduction: Any) -> None:
    same = told(reproduction(88.5, 89.0, 89.5, 90.0, 90.4))
    assert "1.4 points to each side" in same
    assert "it lies inside the band, so the two are the same within the margin" in same
    assert "wholly outside the band" in told(reproduction(86.0, 86.2, 85.9, 86.4, 86.1))
    assert "partly outside the band, so neither is shown" in told(reproduction(87.0, 88.0, 89.0))


def test_a_decision_that_was_not_made_is_not_told(reproduction: Any) -> None:
    document = reproduction(89.4, None, 89.5, 89.6, 89.5, majority=None)
    assert document.verdict.decision == "inconclusive"
    assert "nothing is decided" in told(document)
    assert "Seed 1 failed and gave no number." in told(document)


def test_what_is_not_drawn_is_said(reproduction: Any) -> None:
    document = reproduction(89.0, 89.4, 89.9)
    said = "Always giving the most frequent answer scores 68.4, too far to the left"
    assert said in told(document, drawn=False)
    assert said not in told(document)
    nothing = document.replace(verdict=document.verdict.replace(measured=None, statistics=None))
    assert "No values of single runs are recorded" in told(nothing)
