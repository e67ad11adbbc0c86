"""DSSE envelopes: signing an in-toto statement, and opening what somebody signed.

Opening checks form alone: one meaning, one byte form, nothing unknown. Whether a signature is
good, and whose it is, says `claims.verify`.

Source: DSSE 1.0.2, protocol (PAE) and envelope.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass

from verilora.claims.keys import Key
from verilora.errors import DataError, VerificationError
from verilora.records.canonical import canonical_bytes, digest_bytes
from verilora.records.envelope import (
    MOST_SIGNATURES,
    PAYLOAD_TYPE,
    Envelope,
    Signature,
    Statement,
)
from verilora.records.reading import record_of
from verilora.records.strict_json import LONGEST, parse_strict

SUFFIX = ".dsse.json"
"""How the name of an envelope's file ends."""


@dataclass(frozen=True)
class Opened:
    """An envelope in good form; nothing is said about its signatures."""

    envelope: Envelope
    payload: bytes
    """As received, which is what was signed."""
    statement: Statement
    digest: str
    """Of the payload: the identity of the signed record."""

    @property
    def message(self) -> bytes:
        """The bytes that a signature is over."""
        return encode_message(self.envelope.payload_type, self.payload)


def encode_message(payload_type: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding (PAE); lengths count bytes, not characters."""
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign(statement: Statement, key: Key) -> bytes:
    """The canonical bytes of an envelope around the statement, signed by the key.

    Raises DataError if it would be longer than a reader takes.
    """
    return sign_together(statement, (key,))


def sign_together(statement: Statement, keys: Sequence[Key]) -> bytes:
    """As `sign`, by several keys, each once; in the order of their ids."""
    payload = statement.canonical()
    message = encode_message(PAYLOAD_TYPE, payload)
    by_id = sorted({key.id: key for key in keys}.items())
    return _sealed(payload, [_signature(key, message) for _, key in by_id])


def sign_too(content: bytes, key: Key, *, name: str = "the envelope") -> bytes:
    """The envelope with the key's signature beside those that are there; its own is made anew.

    Raises VerificationError for what is no envelope, DataError if it would have too many.
    """
    opened = open_envelope(content, name=name)
    others = [one for one in opened.envelope.signatures if one.keyid != key.id]
    if len(others) >= MOST_SIGNATURES:
        raise DataError(
            f"{name} has {len(others)} signatures already; {MOST_SIGNATURES} are the most",
            file=None,
            line=None,
        )
    signatures = [*others, _signature(key, opened.message)]
    return _sealed(opened.payload, sorted(signatures, key=lambda one: one.keyid or ""))


def _signature(key: Key, message: bytes) -> Signature:
    return Signature(keyid=key.id, sig=base64.b64encode(key.sign(message)).decode())


def _sealed(payload: bytes, signatures: Sequence[Signature]) -> bytes:
    envelope = Envelope.model_validate(
        {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [signature.to_mapping() for signature in signatures],
        }
    )
    content = canonical_bytes(envelope.to_mapping())
    if len(content) > LONGEST:
        raise DataError(
            f"the envelope would have {len(content):,} bytes; at most {LONGEST:,} are read, so "
            "sign a smaller record, or fewer files",
            file=None,
            line=None,
        )
    open_envelope(content)
    return content


def open_envelope(content: bytes, *, name: str = "the envelope") -> Opened:
    """The envelope in the bytes, its payload and statement. Checks no signature.

    Raises VerificationError with the state "malformed" for anything that has no single meaning:
    JSON or base64 not in strict form, unknown keys, a payload that is not in canonical bytes.
    """
    try:
        data = parse_strict(content, name=name)
        if isinstance(data, dict) and "payload" not in data and isinstance(data.get("format"), str):
            raise malformed(
                f"{name} is a record without a signature ({data['format'][:60]}), and no envelope; "
                f"if it was signed, the envelope lies beside it (*{SUFFIX}), else verilora sign "
                "makes one"
            )
        envelope = record_of(Envelope, data, name=name)
    except DataError as error:
        raise malformed(str(error)) from error
    if envelope.payload_type != PAYLOAD_TYPE:
        raise malformed(
            f"{name}: payloadType is {envelope.payload_type!r}; {PAYLOAD_TYPE!r} is wanted"
        )
    payload = decode_strictly(envelope.payload, name=f"{name}: payload")
    inner = f"the payload of {name}"
    try:
        statement = record_of(Statement, parse_strict(payload, name=inner), name=inner)
        canonical = statement.canonical()
    except (DataError, ValueError) as error:
        raise malformed(str(error)) from error
    if canonical != payload:
        raise malformed(
            f"{inner} is not in canonical form (RFC 8785, every key given): two readers could take "
            "it differently; only what signed it can write it again"
        )
    return Opened(envelope, payload, statement, digest_bytes(payload))


def decode_strictly(text: str, *, name: str) -> bytes:
    """The bytes behind base64 in its one form: padded, no spare bits, no other letters."""
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise malformed(f"{name} is no base64: {error}") from error
    if base64.b64encode(content).decode() != text:
        raise malformed(f"{name} is base64 in a second form; the canonical one is wanted")
    return content


def malformed(sentence: str) -> VerificationError:
    """The error for what has no single meaning."""
    return VerificationError(sentence, state="malformed")
