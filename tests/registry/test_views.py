"""Views: what follows from what they hold."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from verilora.registry.views import ClaimView, Entry, VerdictView

DIGEST = "sha256:" + "0" * 64
ENTRY = Entry(1, DIGEST, DIGEST, "claim", "2026-05-16T12:00:00.000000Z", "unchecked")


def test_a_claim_is_current_unless_it_is_retracted_or_superseded(make: Any) -> None:
    view = ClaimView(ENTRY, make.claim(), "2026-05-16T12:00:00.000000Z")
    assert view.id == make.claim().id
    told = {
        standing: replace(view, entry=replace(ENTRY, standing=standing)).is_current
        for standing in ("standing", "disputed", "superseded", "retracted")
    }
    assert told == {"standing": True, "disputed": True, "superseded": False, "retracted": False}


def test_a_verdict_tells_what_its_document_does(make: Any) -> None:
    document = make.verdict("partial")
    view = VerdictView(ENTRY, document, document.verdict, "t", None, is_current=True)
    assert (view.status, view.level) == ("partial", "proxy")


def test_views_do_not_change_and_are_equal_by_what_they_say() -> None:
    assert replace(ENTRY, is_new=True) == ENTRY != replace(ENTRY, sequence=2)
    with pytest.raises(FrozenInstanceError):
        ENTRY.sequence = 2  # type: ignore[misc]
