from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from verilora.claims.envelope import (
    decode_strictly,
    encode_message,
    open_envelope,
    sign,
    sign_together,
    sign_too,
)
from verilora.claims.predicates import statement_of
from verilora.errors import DataError, VerificationError
from verilora.records.canonical import canonical_bytes, digest_bytes
from verilora.records.claim import Claim
from verilora.records.trust import decode_public


def changed(content: bytes, **changes: Any) -> bytes:
    return json.dumps({**json.loads(content), **changes}).encode()


def with_payload(content: bytes, payload: bytes) -> bytes:
    return changed(content, payload=base64.b64encode(payload).decode())


def test_the_message_is_dsses_own_example_and_counts_bytes() -> None:
    told = encode_message("http://example.com/HelloWorld", b"hello world")
    assert told == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert encode_message("ä", "€".encode()) == "DSSEv1 2 ä 3 €".encode()


def test_the_protocols_own_signature_is_over_that_message() -> None:
    # DSSE 1.0.2, protocol, "Test Vectors": ECDSA over P-256, r and s one after the other.
    x = 46950820868899156662930047687818585632848591499744589407958293238635476079160
    y = 5640078356564379163099075877009565129882514886557779369047442380624545832820
    sealed = base64.b64decode(
        "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA=="
    )
    r, s = (int.from_bytes(half, "big") for half in (sealed[:32], sealed[32:]))
    public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    message = encode_message("http://example.com/HelloWorld", b"hello world")
    public.verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
    with pytest.raises(InvalidSignature):
        public.verify(encode_dss_signature(r, s), message + b" ", ec.ECDSA(hashes.SHA256()))


def test_what_is_signed_is_what_is_opened(world: Any, claim: Claim) -> None:
    statement = statement_of(claim)
    content = sign(statement, world.key)
    opened = open_envelope(content)
    assert opened.statement == statement
    assert opened.payload == statement.canonical()
    assert opened.digest == digest_bytes(opened.payload)
    assert canonical_bytes(json.loads(content)) == content
    signature = opened.envelope.signatures[0]
    assert signature.keyid == world.key.id
    public = Ed25519PublicKey.from_public_bytes(decode_public(world.key.public.x))
    public.verify(base64.b64decode(signature.sig), opened.message)  # raises if it is not


def test_several_keys_sign_once_each(world: Any, claim: Claim) -> None:
    content = sign_together(statement_of(claim), [world.key, world.root, world.key])
    ids = [signature.keyid for signature in open_envelope(content).envelope.signatures]
    assert ids == sorted([world.key.id, world.root.id])


def test_another_signs_too(world: Any, claim: Claim) -> None:
    alone = sign(statement_of(claim), world.key)
    both = sign_too(alone, world.stranger)
    assert both == sign_together(statement_of(claim), [world.key, world.stranger])
    assert sign_too(both, world.key) == both
    assert open_envelope(both).digest == open_envelope(alone).digest
    many = json.loads(alone)
    many["signatures"] = [{"keyid": str(n), "sig": "AAAA"} for n in range(16)]
    with pytest.raises(DataError, match="16 are the most"):
        sign_too(json.dumps(many).encode(), world.key)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda c: b"",
        lambda c: b"\xef\xbb\xbf" + c,
        lambda c: c + b"}",
        lambda c: b"[]",
        lambda c: b"[" * 100_000,
        lambda c: c.replace(b'{"payload":', b'{"payload":"","payload":', 1),
        lambda c: changed(c, more=1),
        lambda c: changed(c, signatures=[]),
        lambda c: changed(c, payloadType="text/plain"),
        lambda c: changed(c, payload=json.loads(c)["payload"] + "\n"),
        lambda c: changed(c, payload="-_-_"),
        lambda c: changed(c, payload="A" * 300_000),
        lambda c: changed(c, payload=17),
        lambda c: with_payload(c, b"{}"),
        lambda c: with_payload(c, b"null"),
        lambda c: with_payload(c, b"\xff"),
        lambda c: with_payload(c, b" " + base64.b64decode(json.loads(c)["payload"])),
        lambda c: with_payload(
            c,
            canonical_bytes({**json.loads(base64.b64decode(json.loads(c)["payload"])), "x": 1}),
        ),
    ],
)
def test_what_has_no_single_meaning_is_malformed(spoil: Any, world: Any, claim: Claim) -> None:
    content = sign(statement_of(claim), world.key)
    with pytest.raises(VerificationError) as told:
        open_envelope(spoil(content), name="it.json")
    assert told.value.facts["state"] == "malformed"
    assert "it.json" in str(told.value)


def test_a_record_in_place_of_its_envelope_is_told_as_that(claim: Claim) -> None:
    with pytest.raises(VerificationError, match="without a signature") as told:
        open_envelope(claim.canonical(), name="claim.json")
    assert told.value.facts["state"] == "malformed"
    assert "verilora.claim/1" in str(told.value)


def test_base64_has_one_form(world: Any, claim: Claim) -> None:
    content = sign(statement_of(claim), world.key)
    sealed = json.loads(content)["signatures"][0]["sig"]
    assert sealed.endswith("==")
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    for text in (sealed.rstrip("="), sealed + "=", _with_spare_bits(sealed, letters)):
        with pytest.raises(VerificationError, match="base64"):
            decode_strictly(text, name="sig")


def _with_spare_bits(text: str, letters: str) -> str:
    last = letters[letters.index(text[-3]) | 1]
    return f"{text[:-3]}{last}=="


def test_no_type_may_be_left_out(world: Any, claim: Claim) -> None:
    content = sign(statement_of(claim), world.key)
    inner = json.loads(base64.b64decode(json.loads(content)["payload"]))
    del inner["_type"]
    with pytest.raises(VerificationError, match="canonical"):
        open_envelope(with_payload(content, canonical_bytes(inner)))


def test_what_no_reader_would_take_is_not_written(world: Any, claim: Claim) -> None:
    files = {f"{'x' * 200}-{number}": "sha256:" + "0" * 64 for number in range(900)}
    with pytest.raises(DataError, match="at most 262,144 are read"):
        sign(statement_of(claim, files), world.key)
