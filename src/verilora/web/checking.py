"""A signed record that somebody sends: its form, its signatures, and what is known of it here.

Nothing of it is kept. Retractions count as the registry has them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from verilora.claims.envelope import Opened, open_envelope
from verilora.claims.predicates import read_predicate
from verilora.claims.standing import check
from verilora.errors import VerificationError
from verilora.records.canonical import canonical_bytes
from verilora.registry.views import Entry
from verilora.web import shapes
from verilora.web.finding import Site
from verilora.web.standing import MEANINGS

UNCHECKED = (
    "Its form is sound. This server has no trust file and does not say whose signature it is: "
    "verilora verify does, with yours."
)


def check_envelope(site: Site, content: bytes) -> bytes:
    """The answer to an envelope's bytes; what is no envelope has the state "malformed"."""
    try:
        opened = open_envelope(content)
        state, key_ids, detail = _checked(site, opened)
    except VerificationError as error:
        told = shapes.EnvelopeAnswer(
            state=str(error.facts.get("state", "malformed")), detail=str(error), known=False
        )
        return canonical_bytes(told.to_mapping())
    entry = site.registry.entry(opened.digest)
    if entry is not None and entry.digest == opened.digest and state in ("valid", "unchecked"):
        state, detail = _become(entry, state, detail=detail)
    return canonical_bytes(_told(opened, entry, state=state, key_ids=key_ids, detail=detail))


def _checked(site: Site, opened: Opened) -> tuple[str, tuple[str, ...], str]:
    read_predicate(opened)
    if site.trust is None:
        return "unchecked", (), UNCHECKED
    checked = check(opened, site.trust, now=datetime.now(UTC))
    return checked.state, checked.key_ids, checked.sentence


def _become(entry: Entry, state: str, *, detail: str) -> tuple[str, str]:
    if entry.standing in ("retracted", "superseded"):
        return entry.standing, MEANINGS[entry.standing]
    return state, detail


def _told(
    opened: Opened, entry: Entry | None, *, state: str, key_ids: tuple[str, ...], detail: str
) -> dict[str, Any]:
    return shapes.EnvelopeAnswer(
        state=state,
        detail=detail,
        digest=opened.digest,
        predicate_type=opened.statement.predicate_type,
        key_ids=key_ids,
        subjects=tuple(
            one.model_dump(mode="json", by_alias=True) for one in opened.statement.subject
        ),
        known=entry is not None,
        standing=entry.standing if entry else None,
    ).to_mapping()
