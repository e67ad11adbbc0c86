from __future__ import annotations

from typing import Any

import pytest

from verilora.claims.amend import (
    begin,
    find_in,
    moment,
    renew,
    with_key,
    with_revoked,
    with_roots,
    with_threshold,
)
from verilora.errors import DataError
from verilora.records.trust import Revocation, Trust, TrustedKey

REVOKED = Revocation(at="2026-05-01T00:00:00Z", reason="stolen")


def entry(world: Any, key: Any = None, **changes: Any) -> TrustedKey:
    return TrustedKey.model_validate(world.trusted(key, **changes))


@pytest.fixture
def trust(world: Any) -> Trust:
    return with_key(begin(world.root.public, now=world.now), entry(world))


def test_versions_count_up(world: Any) -> None:
    first = begin(world.root.public, now=world.now, days=10)
    assert (first.version, first.origin) == (1, world.root.id)
    assert (first.issued_at, first.expires_at) == ("2026-06-01T00:00:00Z", "2026-06-11T00:00:00Z")
    second = renew(first, now=world.now, days=20)
    assert (second.version, second.expires_at) == (2, "2026-06-21T00:00:00Z")
    assert moment(world.now) == "2026-06-01T00:00:00Z"


def test_a_key_is_told_once(world: Any, trust: Trust) -> None:
    again = with_key(trust, entry(world, roles=["run"]))
    assert [key.roles for key in again.trusted] == [("run",)]
    assert len(with_key(again, entry(world, world.stranger)).trusted) == 2


def test_a_revocation_is_for_ever(world: Any, trust: Trust) -> None:
    gone = with_revoked(trust, "signer", revocation=REVOKED)
    assert find_in(gone, world.key.id).revoked == REVOKED
    with pytest.raises(DataError, match="was revoked; make a new one"):
        with_key(gone, entry(world))


def test_keys_are_found_by_name_and_id(world: Any, trust: Trust) -> None:
    assert find_in(trust, "signer") == find_in(trust, world.key.id)
    with pytest.raises(DataError, match="did you mean 'signer'"):
        find_in(trust, "singer")
    twin = entry(world, world.stranger, name="signer")
    with pytest.raises(DataError, match="say the id"):
        find_in(with_key(trust, twin), "signer")


def test_how_many_have_to_sign_is_said_and_unsaid(world: Any, trust: Trust) -> None:
    two = with_key(trust, entry(world, world.stranger))
    wants = with_threshold(two, {"claim": 2})
    assert (wants.wanted("claim"), wants.wanted("run")) == (2, 1)
    assert with_threshold(wants, {"run": 2}).threshold == {"claim": 2, "run": 2}
    assert with_threshold(wants, {"claim": 1}) == two
    assert with_threshold(trust, {"claim": 1}) == trust
    with pytest.raises(DataError, match="2 keys have to sign a claim, but 1 may"):
        with_threshold(trust, {"claim": 2})
    with pytest.raises(DataError, match="but 1 may"):
        with_key(wants, entry(world, roles=["run"]))
    assert with_revoked(wants, "signer", revocation=REVOKED).wanted("claim") == 2


def test_roots_come_and_go_but_never_all(world: Any, trust: Trust) -> None:
    more = with_roots(trust, added=[world.stranger.public], dropped=[])
    assert [key.name for key in more.roots] == ["root", "stranger"]
    with pytest.raises(DataError, match="origin is the id of the first root"):
        with_roots(more, added=[], dropped=[world.root.id])
    more = renew(more, now=world.now)
    less = with_roots(more, added=[], dropped=[world.root.id])
    assert [key.name for key in less.roots] == ["stranger"]
    assert less.origin == world.root.id
    with pytest.raises(DataError, match="no root left"):
        with_roots(less, added=[], dropped=[world.stranger.id])
    with pytest.raises(DataError, match="is no root"):
        with_roots(less, added=[], dropped=["A" * 43])
