"""Bytes of an envelope -> a record that may be admitted, or AdmissionError. Knows no database."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar, cast, get_args

from verilora.claims.envelope import Opened, open_envelope
from verilora.claims.predicates import read_predicate
from verilora.errors import AdmissionError, RegistryError, VeriloraError
from verilora.records.anchor import AnchorReport
from verilora.records.canonical import canonical_bytes, digest_bytes, digest_of
from verilora.records.claim import Claim
from verilora.records.notice import Notice
from verilora.records.record import Record
from verilora.records.run import Run
from verilora.records.verdict import VerdictDocument
from verilora.registry.views import Kind

UNCHECKED = "unchecked"
Kept = TypeVar("Kept", bound=Record)
KEPT: tuple[Kind, ...] = get_args(Kind)
Admitted = Claim | VerdictDocument | Run | Notice | AnchorReport


class Check(Protocol):
    """What says of an opened envelope how its signatures stand, at a moment."""

    def __call__(self, opened: Opened, *, now: datetime) -> tuple[str, tuple[str, ...], str]:
        """(state, ids of the keys, a sentence)."""
        ...


@dataclass(frozen=True)
class Door:
    """What is asked of records that come in."""

    check: Check | None = None
    """Of signatures, against a trust file; None: they are not checked."""
    require_trust: bool = False
    """True: what is not signed by a trusted key is refused."""


@dataclass(frozen=True)
class Incoming:
    """A signed record, read and checked."""

    digest: str
    record_digest: str
    envelope_digest: str
    envelope: bytes
    payload: bytes
    kind: Kind
    record: Any
    state: str
    key_ids: tuple[str, ...]


def receive(content: bytes, door: Door, *, now: datetime) -> Incoming:
    """The record in an envelope's bytes, its signatures checked where the door wants it.

    Raises AdmissionError: no strict envelope, a kind that is not kept, a record that breaks its
    schema, a signature that is false (always) or not trusted (where trust is required).
    """
    try:
        opened = open_envelope(content)
        kind, record = read_kept(opened)
    except AdmissionError:
        raise
    except VeriloraError as error:
        raise AdmissionError(f"not admitted: {error}", **_kept(error)) from error
    state, key_ids = _judged(opened, door, now=now)
    # In one form, so that an envelope with other spaces is no other one.
    envelope = canonical_bytes(opened.envelope.to_mapping())
    return Incoming(
        digest=opened.digest,
        record_digest=digest_of(opened.statement.predicate),
        envelope_digest=digest_bytes(envelope),
        envelope=envelope,
        payload=opened.payload,
        kind=kind,
        record=record,
        state=state,
        key_ids=key_ids,
    )


def read_kept(opened: Opened) -> tuple[Kind, Admitted]:
    """(kind, record) of what was signed. Raises AdmissionError for a kind that is not kept,
    VerificationError for a record that breaks its schema."""
    kind, record = read_predicate(opened)
    if kind not in KEPT:
        raise AdmissionError(
            f"not admitted: this is a signed {kind}; a registry keeps {', '.join(KEPT)}"
        )
    found: Any = record
    if isinstance(found, VerdictDocument) and found.verdict is None:
        raise AdmissionError("not admitted: the document holds no verdict; the key is wanted")
    return cast(Kind, kind), found


@functools.lru_cache(maxsize=2048)
def read_blob(content: bytes, kind: type[Kept]) -> Kept:
    """The record in a payload's bytes, which were checked when they came in.

    Bytes are kept for good and records are frozen, so that one reading serves all who ask. Raises
    RegistryError for bytes that another hand has changed.
    """
    try:
        return kind.model_validate(json.loads(content)["predicate"])
    except (ValueError, KeyError, TypeError) as error:
        raise RegistryError(
            f"the bytes of a {kind.__name__.lower()} that were checked when they came in are none "
            "any more: the database is damaged; verilora registry rebuild says in which line"
        ) from error


def _judged(opened: Opened, door: Door, *, now: datetime) -> tuple[str, tuple[str, ...]]:
    hints = (signature.keyid for signature in opened.envelope.signatures)
    if door.check is None:
        return UNCHECKED, tuple(sorted({hint for hint in hints if hint}))
    state, key_ids, sentence = door.check(opened, now=now)
    if state == "bad-signature" or (door.require_trust and state != "valid"):
        raise AdmissionError(
            f"not admitted: {sentence or state}", digest=opened.digest, state=state
        )
    return state, tuple(sorted(key_ids))


def _kept(error: VeriloraError) -> dict[str, Any]:
    return {name: error.facts[name] for name in ("state",) if name in error.facts}
