"""Trust: whose signature counts for what (`verilora.trust/1`, trust.dsse.json, signed by a root).

The ideas of TUF in small: a version that only grows, an expiry, roots that hand over to new roots.
Sources: The Update Framework 1.0; RFC 7638 (thumbprints), RFC 8037 (keys of Ed25519 as JWK).
"""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from verilora.records.canonical import canonical_bytes
from verilora.records.claim import Moment
from verilora.records.envelope import MOST_SIGNATURES, Thumbprint
from verilora.records.given import Count, Digest, Text
from verilora.records.patterns import THUMBPRINT
from verilora.records.record import Record

FORMAT = "verilora.trust/1"
Role = Literal["claim", "verdict", "run", "adapter", "notice", "anchors"]
ROLES: tuple[Role, ...] = ("claim", "verdict", "run", "adapter", "notice", "anchors")
"""What a key may sign: the kind of the record."""


def _one_form(text: str) -> str:
    if encode_public(decode_public(text)) != text:
        raise ValueError("these are no 32 bytes in base64url's one form, without padding")
    return text


PublicText = Annotated[str, Field(strict=True, pattern=THUMBPRINT), AfterValidator(_one_form)]
"""The 32 bytes of a public key in base64url: `x` of its JWK."""


def encode_public(public: bytes) -> str:
    """`x` of the key's JWK."""
    return base64.urlsafe_b64encode(public).decode().rstrip("=")


def decode_public(text: str) -> bytes:
    """The 32 bytes behind `x`."""
    return base64.urlsafe_b64decode(f"{text}=")


def thumbprint(public: str) -> str:
    """The id of a key, from `x` of its JWK (RFC 7638)."""
    content = canonical_bytes({"crv": "Ed25519", "kty": "OKP", "x": public})
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")


def instant(moment: str) -> datetime:
    """A record's moment as a time; ValueError for a day that no calendar has."""
    return datetime.fromisoformat(moment)


class PublicKey(Record):
    """A public key with its id, which follows from it."""

    id: Thumbprint
    x: PublicText
    name: Annotated[Text, Field(min_length=1, max_length=100)]
    """For people; decides nothing."""

    @model_validator(mode="after")
    def _follows(self) -> PublicKey:
        wanted = thumbprint(self.x)
        if self.id != wanted:
            raise ValueError(f"id is {self.id}; the key's thumbprint is {wanted}")
        return self


class Revocation(Record):
    """Voids every signature of the key, whenever it was made, but for those of `kept`.

    A signature bears no time that a thief of the key could not write into it too; what the root
    knows to be older and good it lists, by the digest of the payload.
    """

    at: Moment
    reason: Annotated[Text, Field(min_length=1, max_length=1000)]
    kept: Annotated[tuple[Digest, ...], Field(max_length=1000)] = ()


class TrustedKey(PublicKey):
    """A key that may sign records of its roles, made from `valid_from` to `valid_until`."""

    roles: Annotated[tuple[Role, ...], Field(min_length=1)]
    valid_from: Moment | None = None
    valid_until: Moment | None = None
    revoked: Revocation | None = None

    @model_validator(mode="after")
    def _in_order(self) -> TrustedKey:
        if len(set(self.roles)) < len(self.roles):
            raise ValueError("a role stands there twice; each is wanted once")
        begins = instant(self.valid_from) if self.valid_from else None
        ends = instant(self.valid_until) if self.valid_until else None
        if begins and ends and ends <= begins:
            raise ValueError("valid_until is not after valid_from")
        return self


class Trust(Record):
    """Who is trusted, until when. A newer version replaces an older one, never the reverse."""

    format: Literal["verilora.trust/1"] = FORMAT
    origin: Thumbprint
    """Of the first root: stays when roots change, so that versions can be told from other files."""
    version: Count
    issued_at: Moment
    expires_at: Moment
    roots: Annotated[tuple[PublicKey, ...], Field(min_length=1, max_length=16)]
    """May sign this file, and the next version of it."""
    trusted: Annotated[tuple[TrustedKey, ...], Field(max_length=500)] = ()
    threshold: dict[Role, Annotated[int, Field(strict=True, ge=2, le=MOST_SIGNATURES)]] = Field(
        default_factory=dict
    )
    """Role -> how many keys have to sign such a record; 1 where nothing is said."""

    @model_validator(mode="after")
    def _consistent(self) -> Trust:
        for what, keys in (("roots", self.roots), ("trusted", self.trusted)):
            if len({key.id for key in keys}) < len(keys):
                raise ValueError(f"{what}: a key stands there twice; each is wanted once")
        if instant(self.expires_at) <= instant(self.issued_at):
            raise ValueError("expires_at is not after issued_at")
        if self.version == 1 and self.origin not in {key.id for key in self.roots}:
            raise ValueError("origin is the id of the first root, and is none of them in version 1")
        for role, count in self.threshold.items():
            # Revoked keys too: to revoke one must always be possible.
            have = sum(role in key.roles for key in self.trusted)
            if have < count:
                raise ValueError(
                    f"threshold: {count} keys have to sign a {role}, but {have} may; trust more"
                )
        return self

    def wanted(self, kind: str) -> int:
        """How many keys, each counted once, have to sign a record of this kind."""
        return next((count for role, count in self.threshold.items() if role == kind), 1)

    def to_mapping(self) -> dict[str, Any]:
        """Plain JSON data; without `threshold` where one signature is enough for everything."""
        told = super().to_mapping()
        return told if self.threshold else {k: v for k, v in told.items() if k != "threshold"}

    def find(self, key_id: str) -> TrustedKey | None:
        """The key of that id, or None."""
        return next((key for key in self.trusted if key.id == key_id), None)
