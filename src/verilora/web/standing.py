"""What has become of a record, in words: stands, disputed, superseded, retracted.

A sign and a word beside each other, never a colour alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from verilora.records.claim import Performance
from verilora.registry.views import ClaimView, Entry, NoticeView, VerdictView
from verilora.report.verdict import ICONS
from verilora.verdict.lower import meet
from verilora.verdict.meaning import STATUS, status_told
from verilora.web.judged import status_of

SIGNS = {"standing": "✓", "disputed": "!", "superseded": "↻", "retracted": "✗"}
WORDS = {"standing": "stands", "disputed": "disputed", "superseded": "superseded"}
MEANINGS = {
    "disputed": "It was objected to, and that is not settled.",
    "superseded": "Another record takes its place.",
    "retracted": "It was taken back, and is kept so that this can be seen.",
}
TITLES = {"retraction": "Retracted", "supersession": "Superseded", "dispute": "Disputed"}
KINDS = {"retraction": "retracted", "supersession": "superseded", "dispute": "disputed"}
SIGNATURES = {
    "valid": "valid",
    "unknown-key": "by a key that this registry does not know",
    "unchecked": "not checked by this registry; check it yourself",
    "stale-trust": "good, by a trust file that has expired",
    "revoked": "by a key that was revoked",
    "bad-signature": "wrong",
}


class State(NamedTuple):
    """A state as a page shows it."""

    kind: str
    icon: str
    word: str
    meaning: str


class Told(NamedTuple):
    """A notice as a page shows it; `by` is the path of what takes the place."""

    standing: str
    icon: str
    title: str
    day: str
    reason: str
    url: str
    by: str


class Event(NamedTuple):
    """A line of a history."""

    moment: str
    text: str


def state_of(view: ClaimView, verdict: VerdictView | None) -> State:
    """A claim's state: what was said later, else its verdict's status, else that it stands."""
    standing, claim = view.entry.standing, view.claim
    if standing != "standing":
        return State(standing, SIGNS[standing], WORDS.get(standing, standing), MEANINGS[standing])
    confidence = f"Confidence {claim.confidence:.2f}: {claim.confidence_rule}."
    held = claim.performance
    if held is None:
        return State("stands", SIGNS[standing], WORDS[standing], _sentence(confidence))
    return _of_performance(held, verdict, confidence=_sentence(confidence))


def _of_performance(held: Performance, verdict: VerdictView | None, *, confidence: str) -> State:
    """No higher than the verdict that it rests on, as the rules judge that one."""
    if verdict is None:
        told = f"It says '{status_told(held.status)}', and its verdict is not kept here."
        return State("pending", ICONS["pending"], "not shown", told)
    standing = verdict.entry.standing
    if standing in ("retracted", "superseded"):
        told = f"The verdict that it rests on was {standing}."
        return State(standing, SIGNS[standing], f"verdict {standing}", told)
    status = meet(held.status, status_of(verdict))
    told = f"{_upper(STATUS[status])}. Protocol: {held.level}."
    if status != held.status:
        told += f" The claim says '{status_told(held.status)}'; the rules allow no more than this."
    return State(status, ICONS[status], status_told(status), f"{told} {confidence}")


def notices_told(notices: Iterable[NoticeView], places: Mapping[str, str]) -> list[Told]:
    """The notices that have an effect; `places` are the paths of records by their digests."""
    return [
        Told(
            KINDS[one.notice.kind],
            SIGNS[KINDS[one.notice.kind]],
            TITLES[one.notice.kind],
            one.notice.made_at[:10],
            one.notice.reason,
            one.notice.url or "",
            places.get(one.notice.by or "", ""),
        )
        for one in notices
        if one.has_effect
    ]


def history_of(
    entry: Entry, notices: Sequence[NoticeView], *, before: Iterable[Event] = ()
) -> list[Event]:
    """What happened to a record, the oldest first."""
    events = [*before, Event(entry.admitted_at, "Taken into this registry.")]
    for one in notices:
        effect = "" if one.has_effect else " (its signature is too weak to have an effect)"
        title = TITLES[one.notice.kind]
        events.append(Event(one.notice.made_at, f"{title}: {one.notice.reason}{effect}"))
    return sorted(events, key=lambda event: event.moment)


def _sentence(text: str) -> str:
    return text if not text.endswith("..") else text[:-1]


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
