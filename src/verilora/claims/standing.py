"""What an envelope is worth under a trust file: its signatures, its keys' roles, their ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from verilora.claims.envelope import Opened
from verilora.claims.predicates import read_predicate
from verilora.claims.signatures import Signers, check_signatures
from verilora.claims.states import State
from verilora.errors import VerificationError
from verilora.records.claim import Claim
from verilora.records.notice import Notice
from verilora.records.record import Record
from verilora.records.trust import Trust, TrustedKey, instant
from verilora.records.verdict import VerdictDocument


@dataclass(frozen=True)
class Checked:
    """One word, whose signatures count, and why."""

    state: State
    key_ids: tuple[str, ...]
    sentence: str
    signers: tuple[str, ...] = ()
    """Every key of the trust file whose signature is good, whether it counts here or not."""


def check(opened: Opened, trust: Trust, *, now: datetime) -> Checked:
    """Signature and trust, in one word; looks at no file and no notice.

    As many keys have to sign as the trust file wants, one where it says nothing, each with the
    right role and counted once; a bad signature by a known key beside them is not passed over.
    Raises nothing.
    """
    try:
        signers = check_signatures(opened, trust.trusted)
        if signers.faults or not signers.ids:
            return _unsigned(signers)
        kind, record = read_predicate(opened)
    except VerificationError as error:
        return Checked(error.facts["state"], (), str(error))
    keys = [key for key in trust.trusted if key.id in signers.ids]
    moment = _moment_of(record, now)
    found = [(key, *_standing(key, kind, moment=moment, digest=opened.digest)) for key in keys]
    good = tuple(key.id for key, state, _ in found if state == "valid")
    wanted = trust.wanted(kind)
    if len(good) < wanted:
        others: list[tuple[State, str]] = [(s, why) for _, s, why in found if s != "valid"]
        state, told = _too_few(others, kind, names=_names(keys, good), count=(len(good), wanted))
    elif instant(trust.expires_at) <= now:
        state, told = "stale-trust", _stale(trust)
    else:
        state, told = "valid", f"signed by {_names(keys, good)}, trusted for a {kind}"
    return Checked(state, good, told, signers.ids)


def _unsigned(signers: Signers) -> Checked:
    if signers.faults:
        return Checked("bad-signature", (), signers.faults[0])
    named = ", ".join(signers.unknown)
    return Checked(
        "unknown-key",
        (),
        f"the trust file knows no key that signed this ({named}); nothing is known of who it was",
    )


def _too_few(
    others: list[tuple[State, str]], kind: str, *, names: str, count: tuple[int, int]
) -> tuple[State, str]:
    """The state and why, where fewer keys count than are wanted; `others` are those that do not."""
    # What was revoked is told before what was never allowed.
    state, why = min(others, key=lambda one: one[0] != "revoked", default=("unknown-key", ""))
    found, wanted = count
    if wanted == 1:
        return state, why
    by = f": it is signed by {names}" if names else ""
    told = f"{found} of {wanted} wanted: a {kind} counts once {wanted} trusted keys signed it{by}"
    return state, f"{told}; {why or 'another of them has to sign it too (verilora sign --add)'}"


def _standing(key: TrustedKey, kind: str, *, moment: datetime, digest: str) -> tuple[State, str]:
    who = f"the key '{key.name}' ({key.id})"
    if key.revoked is not None and digest not in key.revoked.kept:
        return "revoked", (
            f"{who} was revoked on {key.revoked.at[:10]}: {key.revoked.reason}; none of its "
            "signatures counts, but those that the trust file keeps by digest"
        )
    if kind not in key.roles:
        return "unknown-key", f"{who} is trusted for {', '.join(key.roles)}, not for a {kind}"
    if key.valid_from is not None and moment < instant(key.valid_from):
        return "unknown-key", f"{who} counts from {key.valid_from} on; this is older"
    if key.valid_until is not None and moment >= instant(key.valid_until):
        return "unknown-key", f"{who} counted until {key.valid_until}; this is newer"
    return "valid", ""


def _moment_of(record: Record, now: datetime) -> datetime:
    """When the record says that it was made; now, if it does not say."""
    told: str | None = None
    if isinstance(record, Claim):
        told = record.published_at
    elif isinstance(record, Notice):
        told = record.made_at
    elif isinstance(record, VerdictDocument) and record.verdict is not None:
        told = record.verdict.computed_at
    try:
        moment = now if told is None else instant(told)
    except ValueError:
        return now
    return moment if moment.tzinfo is not None else now


def _stale(trust: Trust) -> str:
    return (
        f"the trust file (version {trust.version}) expired on {trust.expires_at}: whether the key "
        "still counts is not known; get a newer one from its maker"
    )


def _names(keys: list[TrustedKey], good: tuple[str, ...]) -> str:
    return " and ".join(f"'{key.name}' ({key.id})" for key in keys if key.id in good)
