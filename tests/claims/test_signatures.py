from __future__ import annotations

import json
from typing import Any

import pytest

from verilora.claims.envelope import open_envelope, sign, sign_together
from verilora.claims.predicates import statement_of
from verilora.claims.signatures import Signers, check_signatures
from verilora.errors import VerificationError
from verilora.records.claim import Claim


def check(content: bytes, *keys: Any, **changes: Any) -> Signers:
    """Signers after `changes` to the first signature."""
    envelope = json.loads(content)
    envelope["signatures"][0] |= changes
    if envelope["signatures"][0].get("keyid", "") is None:
        del envelope["signatures"][0]["keyid"]
    opened = open_envelope(json.dumps(envelope).encode())
    return check_signatures(opened, [key.public for key in keys])


def test_who_signed_is_found_with_and_without_a_hint(world: Any, claim: Claim) -> None:
    content = sign(statement_of(claim), world.key)
    assert check(content, world.key, world.root) == Signers((world.key.id,), (), ())
    assert check(content, world.root, world.key, keyid=None).ids == (world.key.id,)


def test_a_key_that_nobody_knows_is_told(world: Any, claim: Claim) -> None:
    content = sign(statement_of(claim), world.stranger)
    assert check(content, world.key) == Signers((), (world.stranger.id,), ())
    assert check(content, world.key, keyid=None).faults


def test_a_hint_decides_nothing(world: Any, claim: Claim) -> None:
    content = sign(statement_of(claim), world.stranger)
    found = check(content, world.key, keyid=world.key.id)
    assert found.ids == ()
    assert "not made over these bytes" in found.faults[0]
    content = sign(statement_of(claim), world.key)
    found = check(content, world.key, world.root, keyid=world.root.id)
    assert found.ids == ()
    assert world.root.id in found.faults[0]


def test_a_bad_signature_beside_a_good_one_is_a_fault(world: Any, claim: Claim) -> None:
    content = sign_together(statement_of(claim), [world.key, world.root])
    assert len(check(content, world.key, world.root).ids) == 2
    second = json.loads(content)["signatures"][1]["sig"]
    assert check(content, world.key, world.root, sig=second).faults


def test_a_key_that_signs_twice_counts_once(world: Any, claim: Claim) -> None:
    envelope = json.loads(sign(statement_of(claim), world.key))
    envelope["signatures"] *= 2
    assert check(json.dumps(envelope).encode(), world.key).ids == (world.key.id,)


@pytest.mark.parametrize("sig", ["", "AA==", "AAAA", "A" * 88])
def test_what_is_no_signature_is_none(sig: str, world: Any, claim: Claim) -> None:
    content = sign(statement_of(claim), world.key)
    try:
        assert check(content, world.key, sig=sig).faults
    except VerificationError as error:
        assert error.facts["state"] == "malformed"
