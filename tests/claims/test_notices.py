from __future__ import annotations

from typing import Any

import pytest

from verilora.claims.envelope import open_envelope, sign
from verilora.claims.notices import counts, heed_notices, rank_of
from verilora.claims.predicates import statement_of
from verilora.errors import VerificationError
from verilora.records.claim import Claim
from verilora.records.notice import Notice


@pytest.fixture
def heed(world: Any, claim: Claim) -> Any:
    """Heeds one notice about the claim, signed by `key`, under a trust file of these keys."""
    about = open_envelope(sign(statement_of(claim), world.key))

    def heed(kind: str, *, key: Any = None, keys: Any = None, **changes: Any) -> tuple[str, ...]:
        given = {"kind": kind, "about": about.digest, "reason": "a slip"}
        given |= {"by": claim.digest} if kind == "supersession" else {}
        notice = Notice.model_validate({**given, "made_at": "2026-03-01T00:00:00Z", **changes})
        content = sign(statement_of(notice), key or world.key)
        trust = world.trust(keys=keys)
        by = (world.key.id,)
        return heed_notices(about, [(content, "n")], trust=trust, by=by, now=world.now)

    return heed


@pytest.mark.parametrize(
    ("kind", "state"), [("retraction", "retracted"), ("supersession", "superseded")]
)
def test_a_notice_ends_what_it_is_about(kind: str, state: str, heed: Any) -> None:
    with pytest.raises(VerificationError, match="a slip") as told:
        heed(kind)
    assert told.value.facts["state"] == state
    assert told.value.facts["notice"]["kind"] == kind
    assert heed(kind, about="sha256:" + "0" * 64) == ()


def test_a_dispute_is_told(heed: Any) -> None:
    assert heed("dispute") == ("disputed on 2026-03-01: a slip",)


def test_who_signed_may_take_it_back_without_a_role_for_notices(heed: Any, world: Any) -> None:
    with pytest.raises(VerificationError, match="retracted"):
        heed("retraction", keys=[world.trusted(roles=["claim"])])


def test_another_needs_the_role(heed: Any, world: Any) -> None:
    keys = [world.trusted(), world.trusted(world.stranger, roles=["claim"])]
    (note,) = heed("retraction", key=world.stranger, keys=keys)
    assert note.startswith("n does not count")
    keys[1]["roles"] = ["notice"]
    with pytest.raises(VerificationError, match="retracted"):
        heed("retraction", key=world.stranger, keys=keys)
    (note,) = heed("retraction", key=world.root)
    assert "does not count" in note


def test_a_thief_of_the_key_takes_nothing_back(heed: Any, world: Any, claim: Claim) -> None:
    digest = open_envelope(sign(statement_of(claim), world.key)).digest
    gone = {"at": "2026-02-15T00:00:00Z", "reason": "stolen", "kept": [digest]}
    for kind in ("retraction", "supersession", "dispute"):
        (note,) = heed(kind, keys=[world.trusted(revoked=gone)])
        assert note.startswith("n does not count") and "revoked" in note
    with pytest.raises(VerificationError, match="retracted"):
        heed("retraction", key=world.stranger, keys=[world.trusted(world.stranger)])


@pytest.mark.parametrize(
    ("state", "keys", "about", "by", "told"),
    [
        ("valid", "a", "valid", "b", True),
        ("stale-trust", "a", "valid", "b", False),
        ("stale-trust", "a", "stale-trust", "b", True),
        ("unknown-key", "a", "valid", "b", False),
        ("unknown-key", "b", "valid", "b", True),
        ("unknown-key", "", "unknown-key", "a", False),
        ("unknown-key", "", "unknown-key", "", True),
        ("unknown-key", "b", "unknown-key", "a", True),
        ("unchecked", "", "unknown-key", "a", False),
        ("unchecked", "", "valid", "b", False),
        ("unchecked", "", "unchecked", "b", True),
        ("unknown-key", "a", "unchecked", "b", True),
        ("revoked", "b", "valid", "b", False),
        ("revoked", "b", "unchecked", "b", False),
    ],
)
def test_what_counts_is_one_rule(state: str, keys: str, about: str, by: str, told: bool) -> None:
    assert counts(state, set(keys), about=about, by=set(by)) is told


def test_a_notice_may_be_taken_back_by_whoever_may_say_it(world: Any, claim: Claim) -> None:
    about = open_envelope(sign(statement_of(claim), world.key))
    trust = world.trust(keys=[world.trusted(), world.trusted(world.stranger, roles=["claim"])])

    def said(digest: str, key: Any, kind: str = "retraction", reason: str = "a slip") -> bytes:
        given = {"kind": kind, "about": digest, "reason": reason}
        notice = Notice.model_validate({**given, "made_at": "2026-03-01T00:00:00Z"})
        return sign(statement_of(notice), key)

    def heeded(*contents: bytes) -> tuple[str, ...]:
        named = [(content, f"n{place}") for place, content in enumerate(contents)]
        return heed_notices(about, named, trust=trust, by=(world.key.id,), now=world.now)

    first = said(about.digest, world.key)
    digest = open_envelope(first).digest
    back = said(digest, world.key)
    assert heeded(first, back) == heeded(back, first) == ()
    for other in (said(digest, world.stranger), said(digest, world.key, "dispute")):
        with pytest.raises(VerificationError, match="retracted"):
            heeded(first, other)
    with pytest.raises(VerificationError, match="retracted"):
        heeded(first, back, said(open_envelope(back).digest, world.key))
    assert heeded(said("sha256:" + "0" * 64, world.stranger)) == ()


def test_a_stranger_does_not_undo_what_an_own_key_took_back(world: Any, claim: Claim) -> None:
    about = open_envelope(sign(statement_of(claim), world.key))
    given = {"kind": "retraction", "reason": "a slip", "made_at": "2026-03-01T00:00:00Z"}
    first = sign(statement_of(Notice.model_validate({**given, "about": about.digest})), world.key)
    second = Notice.model_validate({**given, "about": open_envelope(first).digest})
    trust = world.trust(keys=[world.trusted(roles=["claim"])])  # none may sign notices of others
    for key, undone in ((world.stranger, False), (world.key, True)):
        said = [(first, "n"), (sign(statement_of(second), key), "m")]
        by = (world.key.id,)
        if undone:
            assert heed_notices(about, said, trust=trust, by=by, now=world.now) == ()
            continue
        with pytest.raises(VerificationError, match="retracted"):
            heed_notices(about, said, trust=trust, by=by, now=world.now)


def test_states_have_an_order() -> None:
    assert rank_of("valid") < rank_of("stale-trust") < rank_of("unchecked") == rank_of("revoked")


def test_what_is_no_notice_is_told(world: Any, claim: Claim) -> None:
    content = sign(statement_of(claim), world.key)
    about = open_envelope(content)
    for said in (content, b"{"):
        (note,) = heed_notices(
            about, [(said, "n")], trust=world.trust(), by=(world.key.id,), now=world.now
        )
        assert note.startswith("n does not count")
