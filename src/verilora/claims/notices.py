"""What was said later about a signed record, and by whom it counts."""

from __future__ import annotations

from collections.abc import Iterable, Set
from datetime import datetime

from verilora.claims.envelope import Opened, open_envelope
from verilora.claims.predicates import read_predicate
from verilora.claims.standing import check
from verilora.claims.states import State
from verilora.errors import VerificationError
from verilora.records.notice import Notice
from verilora.records.trust import Trust

TRUSTED = ("valid", "stale-trust")
"""States of a signature by a trusted key, the best first; all others are alike."""
_STATES: dict[str, State] = {"retraction": "retracted", "supersession": "superseded"}


def rank_of(state: str) -> int:
    """0 for the best state of a signature; greater is worse."""
    return TRUSTED.index(state) if state in TRUSTED else len(TRUSTED)


def counts(state: str, keys: Set[str], *, about: str, by: Set[str]) -> bool:
    """True for a notice signed no worse than what it is about, or by one of the same keys.

    `state` and `keys` are those of the notice's signatures, `about` and `by` those of the record's.
    Never one that hangs on a revoked key: it may be the thief's.
    """
    if state == "revoked":
        return False
    return rank_of(state) <= rank_of(about) or not keys.isdisjoint(by)


def heed_notices(
    about: Opened,
    said: Iterable[tuple[bytes, str]],
    *,
    trust: Trust,
    by: tuple[str, ...],
    now: datetime,
) -> tuple[str, ...]:
    """Notes for the reader: disputes, and notices that do not count.

    `said` are envelopes' bytes with a name to tell; `by` the keys that signed the record, which is
    valid. Which notices count says `counts`. Raises VerificationError: "retracted" (before
    "superseded") where such a notice says so.
    """
    notes, ends = [], []
    for content, name in said:
        try:
            notice = _notice_in(content, name, trust=trust, by=by, now=now)
        except VerificationError as error:
            notes.append(f"{name} does not count: {error}")
            continue
        if notice.about == about.digest and notice.kind == "dispute":
            notes.append(f"disputed on {notice.made_at[:10]}: {notice.reason}")
        elif notice.about == about.digest:
            ends.append(notice)
    for notice in sorted(ends, key=lambda notice: notice.kind):
        raise _ended(notice)
    return tuple(notes)


def _notice_in(
    content: bytes, name: str, *, trust: Trust, by: tuple[str, ...], now: datetime
) -> Notice:
    opened = open_envelope(content, name=name)
    _, notice = read_predicate(opened)
    if not isinstance(notice, Notice):
        raise VerificationError("it is no notice, but another record", state="schema-invalid")
    checked = check(opened, trust, now=now)
    if not counts(checked.state, set(checked.signers), about="valid", by=set(by)):
        raise VerificationError(checked.sentence, state=checked.state)
    return notice


def _ended(notice: Notice) -> VerificationError:
    day, why = notice.made_at[:10], notice.reason
    told = f"retracted on {day}: {why}"
    if notice.kind == "supersession":
        told = f"superseded on {day} by {notice.by}: {why}"
    return VerificationError(told, state=_STATES[notice.kind], notice=notice.to_mapping())
