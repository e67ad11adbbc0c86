"""A signed record that somebody sends: its form, its signatures, and what is known of it here.

Nothing of it is kept. By the rules of `verilora verify`: with a trust file every notice that the
registry has is held against it; without one the registry's own word counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from verilora.claims.envelope import Opened, open_envelope
from verilora.claims.notices import heed_notices
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

ENDED = ("retracted", "superseded")


def check_envelope(site: Site, content: bytes) -> bytes:
    """The answer to an envelope's bytes; what is no envelope has the state "malformed"."""
    now = datetime.now(UTC)
    try:
        opened = open_envelope(content)
        state, key_ids, detail = _checked(site, opened, now=now)
    except VerificationError as error:
        told = shapes.EnvelopeAnswer(
            state=str(error.facts.get("state", "malformed")), detail=str(error), known=False
        )
        return canonical_bytes(told.to_mapping())
    entry = site.registry.entry(opened.digest)
    if entry is not None and entry.digest == opened.digest:
        if state == "valid":
            state, detail = _heeded(site, opened, by=key_ids, now=now, detail=detail)
        elif state == "unchecked":
            state, detail = _become(entry, state, detail=detail)
    return canonical_bytes(_told(opened, entry, state=state, key_ids=key_ids, detail=detail))


def _checked(site: Site, opened: Opened, *, now: datetime) -> tuple[str, tuple[str, ...], str]:
    if site.trust is None:
        read_predicate(opened)
        return "unchecked", (), UNCHECKED
    checked = check(opened, site.trust, now=now)
    return checked.state, checked.key_ids, checked.sentence


def _heeded(
    site: Site, opened: Opened, *, by: tuple[str, ...], now: datetime, detail: str
) -> tuple[str, str]:
    """What a valid record has become by the notices that are kept."""
    assert site.trust is not None
    try:
        said = _said_of(site, opened.digest)
        notes = heed_notices(opened, said, trust=site.trust, by=by, now=now)
    except VerificationError as error:
        return str(error.facts["state"]), str(error)
    return "valid", "; ".join((detail, *notes))


def _said_of(site: Site, digest: str) -> Iterator[tuple[bytes, str]]:
    """Envelopes of what was said of a record, and of what was said of that."""
    for view in site.registry.notices(digest):
        envelope = site.registry.envelope(view.entry.digest)
        if envelope is not None:
            yield envelope, f"a {view.notice.kind}"
        yield from _said_of(site, view.entry.digest)


def _become(entry: Entry, state: str, *, detail: str) -> tuple[str, str]:
    if entry.standing in ENDED:
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
