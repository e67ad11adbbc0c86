"""What was said later about a signed record, and by whom it counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from datetime import datetime

from verilora.claims.envelope import Opened, open_envelope
from verilora.claims.predicates import read_predicate
from verilora.claims.standing import Checked, check
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
    return _rank(state, keys) <= _rank(about, by) or not keys.isdisjoint(by)


def _rank(state: str, keys: Set[str]) -> int:
    # Keys that are known and may not sign this stand above strangers; unchecked ids are hints.
    known = state not in TRUSTED and state != "unchecked" and keys
    return rank_of(state) if state in TRUSTED or known else rank_of(state) + 1


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
    valid. Which notices count says `counts`; one that was itself taken back by one that counts
    has no effect. Raises VerificationError: "retracted" (before "superseded") where one says so.
    """
    notes, held = [], []
    for content, name in said:
        try:
            held.append(_read(content, name, trust=trust, now=now))
        except VerificationError as error:
            notes.append(f"{name} does not count: {error}")
    idle = [one for one in held if one.about == about.digest and not one.counts("valid", set(by))]
    notes += [f"{one.name} does not count: {one.checked.sentence}" for one in idle]
    ends = []
    for one in _standing(held, about.digest, state="valid", by=set(by)):
        if one.notice.kind == "dispute":
            notes.append(f"disputed on {one.notice.made_at[:10]}: {one.notice.reason}")
        else:
            ends.append(one.notice)
    for notice in sorted(ends, key=lambda notice: notice.kind):
        raise _ended(notice)
    return tuple(notes)


@dataclass(frozen=True)
class _Said:
    """A notice, and how its signatures stand."""

    name: str
    digest: str
    notice: Notice
    checked: Checked

    @property
    def about(self) -> str:
        return self.notice.about

    def counts(self, state: str, by: Set[str]) -> bool:
        """Whether it counts for a record of that state that these keys signed."""
        return counts(self.checked.state, set(self.checked.signers), about=state, by=by)


def _standing(held: Sequence[_Said], digest: str, *, state: str, by: Set[str]) -> Iterator[_Said]:
    """The notices about a record that count and were not taken back.

    A notice names the digest of an older record, so that this comes to an end.
    """
    for one in held:
        if one.about == digest and one.counts(state, by):
            signers = set(one.checked.signers)
            later = _standing(held, one.digest, state=one.checked.state, by=signers)
            if all(other.notice.kind == "dispute" for other in later):
                yield one


def _read(content: bytes, name: str, *, trust: Trust, now: datetime) -> _Said:
    opened = open_envelope(content, name=name)
    _, notice = read_predicate(opened)
    if not isinstance(notice, Notice):
        raise VerificationError("it is no notice, but another record", state="schema-invalid")
    return _Said(name, opened.digest, notice, check(opened, trust, now=now))


def _ended(notice: Notice) -> VerificationError:
    day, why = notice.made_at[:10], notice.reason
    told = f"retracted on {day}: {why}"
    if notice.kind == "supersession":
        told = f"superseded on {day} by {notice.by}: {why}"
    return VerificationError(told, state=_STATES[notice.kind], notice=notice.to_mapping())
