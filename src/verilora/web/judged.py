"""Verdicts as the rules judge them: what a document says of itself may be more than its numbers."""

from __future__ import annotations

from typing import Any

from verilora.errors import DataError
from verilora.records.verdict import Status, VerdictDocument
from verilora.registry.views import VerdictView
from verilora.report.verdict import facts_of
from verilora.report.verdict_tables import Links as RunLinks
from verilora.verdict.lower import meet

MOST_KEPT = 1024
_TOLD: dict[str, dict[str, Any]] = {}
"""Digest -> what is told: judging takes some milliseconds, and a record never changes."""


def told_of(digest: str, document: VerdictDocument) -> dict[str, Any]:
    """As `report.verdict.facts_of`, remembered by the digest."""
    if digest not in _TOLD:
        if len(_TOLD) >= MOST_KEPT:
            _TOLD.clear()
        _TOLD[digest] = _facts_of(document)
    return _TOLD[digest]


def status_of(view: VerdictView) -> Status:
    """The status that the rules allow, which is never higher than the document's."""
    judged: Status = told_of(view.entry.digest, view.document)["verdict"].status
    return meet(view.status, judged)


def _facts_of(document: VerdictDocument) -> dict[str, Any]:
    try:
        return facts_of(document, links=RunLinks())
    except DataError as error:
        # Its numbers cannot be weighed, for want of a margin; so nothing is made of them.
        told = facts_of(_without_numbers(document), links=RunLinks())
        return told | {"reasons": [str(error), *told["reasons"]]}


def _without_numbers(document: VerdictDocument) -> VerdictDocument:
    verdict = document.verdict
    assert verdict is not None
    numbers = dict.fromkeys(("measured", "statistics", "decision", "score"))
    verdict = verdict.replace(status=meet(verdict.status, "pending"), **numbers)
    kinds = document.verdicts
    kinds = kinds.replace(post=verdict) if kinds and kinds.post else kinds
    return document.replace(verdict=verdict, verdicts=kinds)
