from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from verilora.claims.envelope import open_envelope, sign, sign_together
from verilora.claims.predicates import statement_of
from verilora.claims.standing import Checked, check
from verilora.records.claim import Claim
from verilora.records.envelope import PREDICATES, Statement

REVOKED = {"at": "2026-05-01T00:00:00Z", "reason": "the laptop was stolen"}


def checked(world: Any, record: Any, *, key: Any = None, **changes: Any) -> Checked:
    """The record signed by the key, under a trust file with these changes to the key's entry."""
    opened = open_envelope(sign(statement_of(record), key or world.key))
    trust = world.trust(keys=[world.trusted(**changes)])
    return check(opened, trust, now=world.now)


def test_a_good_signature_of_a_trusted_key_is_valid(world: Any, claim: Claim) -> None:
    found = checked(world, claim)
    assert found.state == "valid"
    assert found.key_ids == (world.key.id,)
    assert "'signer'" in found.sentence


@pytest.mark.parametrize(
    ("changes", "state", "told"),
    [
        ({"roles": ["verdict", "run"]}, "unknown-key", "not for a claim"),
        ({"valid_from": "2026-03-01T00:00:00Z"}, "unknown-key", "from 2026-03-01"),
        (
            {"valid_until": "2026-01-31T00:00:00Z"},
            "unknown-key",
            "until 2026-01-31",
        ),
        ({"valid_until": "2026-03-01T00:00:00Z"}, "valid", ""),
        ({"revoked": REVOKED}, "revoked", "the laptop was stolen"),
        ({"revoked": REVOKED, "roles": ["run"]}, "revoked", ""),
    ],
)
def test_what_the_trust_file_says_of_the_key_decides(
    changes: Any, state: str, told: str, world: Any, claim: Claim
) -> None:
    found = checked(world, claim, **changes)
    assert found.state == state
    assert told in found.sentence


def test_a_stranger_is_unknown(world: Any, claim: Claim) -> None:
    found = checked(world, claim, key=world.stranger)
    assert (found.state, found.key_ids) == ("unknown-key", ())
    assert world.stranger.id in found.sentence


def test_a_root_signs_nothing_but_the_trust_file(world: Any, claim: Claim) -> None:
    assert checked(world, claim, key=world.root).state == "unknown-key"


def test_what_the_root_keeps_outlives_a_revocation(world: Any, claim: Claim) -> None:
    digest = open_envelope(sign(statement_of(claim), world.key)).digest
    assert checked(world, claim, revoked={**REVOKED, "kept": [digest]}).state == "valid"
    assert checked(world, claim, revoked={**REVOKED, "kept": [claim.digest]}).state == "revoked"


def test_an_expired_trust_file_is_never_valid(world: Any, claim: Claim) -> None:
    opened = open_envelope(sign(statement_of(claim), world.key))
    trust = world.trust(expires_at="2026-05-31T00:00:00Z")
    found = check(opened, trust, now=world.now)
    assert found.state == "stale-trust"
    assert "2026-05-31" in found.sentence
    assert check(opened, trust, now=world.now - timedelta(days=2)).state == "valid"
    assert check(opened, world.trust(keys=[], expires_at="2026-05-31T00:00:00Z"), now=world.now)
    revoked = world.trust(keys=[world.trusted(revoked=REVOKED)], expires_at="2026-05-31T00:00:00Z")
    assert check(opened, revoked, now=world.now).state == "revoked"


def test_one_good_key_of_several_is_enough(world: Any, claim: Claim) -> None:
    opened = open_envelope(sign_together(statement_of(claim), [world.key, world.stranger]))
    assert check(opened, world.trust(), now=world.now).key_ids == (world.key.id,)
    other = world.trusted(world.stranger, revoked=REVOKED)
    trust = world.trust(keys=[other, world.trusted()])
    assert check(opened, trust, now=world.now).key_ids == (world.key.id,)
    assert check(opened, world.trust(keys=[other]), now=world.now).state == "revoked"


def of_two(world: Any, record: Any, *keys: Any, **changes: Any) -> Checked:
    """Signed by the keys, under a trust file that wants two keys for a claim."""
    opened = open_envelope(sign_together(statement_of(record), keys))
    trusted = [world.trusted(**changes), world.trusted(world.stranger)]
    trust = world.trust(keys=trusted, threshold={"claim": 2})
    return check(opened, trust, now=world.now)


def test_where_two_keys_are_wanted_one_is_not_enough(world: Any, claim: Claim) -> None:
    both = of_two(world, claim, world.key, world.stranger)
    assert both.state == "valid"
    assert set(both.key_ids) == {world.key.id, world.stranger.id}
    one = of_two(world, claim, world.key)
    assert (one.state, one.key_ids) == ("unknown-key", (world.key.id,))
    assert one.sentence.startswith("1 of 2 wanted: a claim counts once 2 trusted keys signed it")
    assert "'signer'" in one.sentence and "verilora sign --add" in one.sentence
    assert of_two(world, claim, world.key, world.root).state == "unknown-key"


def test_a_key_counts_once_however_often_it_signed(world: Any, claim: Claim) -> None:
    envelope = json.loads(sign(statement_of(claim), world.key))
    (own,) = envelope["signatures"]
    envelope["signatures"] = [own, own, {"sig": own["sig"]}]
    opened = open_envelope(json.dumps(envelope).encode())
    keys = [world.trusted(), world.trusted(world.stranger)]
    found = check(opened, world.trust(keys=keys, threshold={"claim": 2}), now=world.now)
    assert found.state == "unknown-key"
    assert found.sentence.startswith("1 of 2 wanted")
    assert check(opened, world.trust(keys=keys), now=world.now).key_ids == (world.key.id,)


def test_each_of_two_keys_has_to_be_in_order(world: Any, claim: Claim) -> None:
    found = of_two(world, claim, world.key, world.stranger, revoked=REVOKED)
    assert (found.state, found.key_ids) == ("revoked", (world.stranger.id,))
    assert "1 of 2 wanted" in found.sentence and "the laptop was stolen" in found.sentence
    assert set(found.signers) == {world.key.id, world.stranger.id}
    late = of_two(world, claim, world.key, world.stranger, valid_from="2026-03-01T00:00:00Z")
    assert (late.state, "from 2026-03-01" in late.sentence) == ("unknown-key", True)
    none = of_two(world, claim, world.key, valid_from="2026-03-01T00:00:00Z")
    assert none.key_ids == () and none.sentence.startswith("0 of 2 wanted")
    digest = open_envelope(sign(statement_of(claim), world.key)).digest
    kept = {**REVOKED, "kept": [digest]}
    assert of_two(world, claim, world.key, world.stranger, revoked=kept).state == "valid"


def test_other_kinds_are_as_before(world: Any, claim: Claim) -> None:
    opened = open_envelope(sign(statement_of(claim), world.key))
    keys = [world.trusted(), world.trusted(world.stranger)]
    assert check(opened, world.trust(keys=keys, threshold={"run": 2}), now=world.now)
    assert "threshold" not in world.trust(keys=keys).to_mapping()


def test_faults_of_form_are_told_and_not_raised(world: Any, claim: Claim) -> None:
    mapping = statement_of(claim).to_mapping()
    odd = Statement.model_validate({**mapping, "predicateType": PREDICATES["run"]})
    opened = open_envelope(sign(odd, world.key))
    assert check(opened, world.trust(), now=world.now).state == "schema-invalid"
    envelope = json.loads(sign(statement_of(claim), world.key))
    envelope["signatures"][0]["sig"] = "AAA="
    opened = open_envelope(json.dumps(envelope).encode())
    assert check(opened, world.trust(), now=world.now).state == "bad-signature"


def test_who_signed_is_asked_before_what(world: Any, claim: Claim) -> None:
    mapping = statement_of(claim).to_mapping()
    odd = Statement.model_validate({**mapping, "predicate": {}})
    opened = open_envelope(sign(odd, world.stranger))
    assert check(opened, world.trust(), now=world.now).state == "unknown-key"
