"""Signed records: an in-toto statement in a DSSE envelope. Shapes alone; `claims` signs and checks.

Sources: in-toto attestation, Statement v1; DSSE 1.0.2, protocol and envelope.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from verilora.records.given import Text
from verilora.records.patterns import BASE64, HEX, THUMBPRINT
from verilora.records.record import Record

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATES = {
    "claim": "https://verilora.dev/claim/v1",
    "verdict": "https://verilora.dev/verdict/v1",
    "run": "https://verilora.dev/run/v1",
    "notice": "https://verilora.dev/notice/v1",
    "trust": "https://verilora.dev/trust/v1",
    "adapter": "https://verilora.dev/adapter/v1",
    "anchors": "https://verilora.dev/anchors/v1",
}
"""Kind of the record -> type of the predicate; names, not addresses that are looked up."""
MOST_SIGNATURES = 16
Base64 = Annotated[str, Field(strict=True, pattern=BASE64)]
Thumbprint = Annotated[str, Field(strict=True, pattern=THUMBPRINT)]
"""RFC 7638: base64url of the SHA-256 of the public key's canonical JWK."""


class Subject(Record):
    """A file that the statement is about; `sha256` as 64 hex digits."""

    name: Annotated[Text, Field(min_length=1, max_length=500)]
    digests: dict[Literal["sha256"], Annotated[str, Field(pattern=HEX)]] = Field(alias="digest")


class Statement(Record):
    """What is signed: the files by digest, and the record about them."""

    type: Literal["https://in-toto.io/Statement/v1"] = Field(STATEMENT_TYPE, alias="_type")
    subject: Annotated[tuple[Subject, ...], Field(min_length=1, max_length=1000)]
    predicate_type: Text = Field(alias="predicateType")
    predicate: dict[str, Any]

    def to_mapping(self) -> dict[str, Any]:
        """Plain JSON data, by in-toto's names."""
        return self.model_dump(mode="json", by_alias=True)


class Signature(Record):
    """`keyid` is a hint only; `sig` are the 64 bytes in base64."""

    keyid: Text | None = None
    sig: Base64


class Envelope(Record):
    """DSSE: the payload's bytes as they were signed, in base64."""

    payload: Base64
    payload_type: Text = Field(alias="payloadType")
    signatures: Annotated[tuple[Signature, ...], Field(min_length=1, max_length=MOST_SIGNATURES)]

    def to_mapping(self) -> dict[str, Any]:
        """Plain JSON data, by DSSE's names."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)
