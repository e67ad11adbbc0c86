"""What the interface for programs answers: the shapes of the service that it is compatible with.

Keys are in camelCase, as there; what is not known is left out. A paper's document keeps its own
names (records/verdict.py).
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

API_VERSION = "v1"


class Shape(BaseModel):
    """A part of an answer; no record, for nobody signs or keeps it."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="forbid"
    )

    def to_mapping(self) -> dict[str, Any]:
        """Plain JSON data, without what is not known."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class SourceShape(Shape):
    """Where a claim's fact stands."""

    ordinal: int
    type: str
    publisher: str
    published_date: str | None = None
    title: str
    url: str
    excerpt: str | None = None


class ClaimShape(Shape):
    """A claim in a list."""

    id: str
    vertical: str
    subject: str
    predicate: str
    object: str
    statement: str
    confidence: float
    confidence_rule: str
    tags: tuple[str, ...]
    methodology_version: str
    published_at: str
    last_verified: str
    """A day."""
    standing: Literal["standing", "disputed", "superseded", "retracted"]
    digest: str
    url: str
    sources: tuple[SourceShape, ...] = ()


class RelatedShape(Shape):
    """A claim that shares tags; `tags` says which, the rarest first."""

    id: str
    statement: str
    confidence: float
    shared_tags: int
    tags: tuple[str, ...]


class SignatureShape(Shape):
    """Who signed; the whole envelope is beside it."""

    algorithm: Literal["Ed25519"] = "Ed25519"
    signed_by: str | None = None
    signed_at: str
    """When the registry took it in."""
    signature: str
    state: str
    """Of the signature, when it was taken in."""


class NoticeShape(Shape):
    """What was said later."""

    kind: str
    reason: str
    made_at: str
    by: str | None = None
    url: str | None = None
    digest: str
    has_effect: bool


class PerformanceShape(Shape):
    """What a claim about a number rests on."""

    verdict: str
    status: str
    level: str
    preregistration: str | None = None
    runs: tuple[str, ...] = ()
    artifacts: tuple[dict[str, Any], ...] = ()
    url: str | None = None


class ClaimAnswer(ClaimShape):
    """One claim with all that belongs to it.

    `claim` repeats the claim alone, where the service that this is compatible with has it.
    """

    api_version: Literal["v1"] = API_VERSION
    methodology: str
    """The address of the rules."""
    claim: ClaimShape
    performance: PerformanceShape | None = None
    related: tuple[RelatedShape, ...] = ()
    notices: tuple[NoticeShape, ...] = ()
    signature: SignatureShape
    envelope: dict[str, Any]
    """DSSE; its payload is the signed record, byte for byte."""
    cited_as: str


class ClaimList(Shape):
    """A page of claims; `next` goes back as `cursor`."""

    api_version: Literal["v1"] = API_VERSION
    count: int
    claims: tuple[ClaimShape, ...]
    next: str | None = None


class Found(Shape):
    """A claim that a search found."""

    claim: ClaimShape
    match_score: float = Field(ge=0, le=1)
    rationale: str


class SearchAnswer(Shape):
    """What a search found, the best first."""

    api_version: Literal["v1"] = API_VERSION
    query: str
    count: int
    results: tuple[Found, ...]


class TagShape(Shape):
    """A tag and how many claims bear it."""

    tag: str
    count: int
    url: str


class TagList(Shape):
    """Every tag."""

    api_version: Literal["v1"] = API_VERSION
    count: int
    tags: tuple[TagShape, ...]


class CandidateShape(Found):
    """A claim that reads alike. Whether it says the same is for a reader to decide."""

    relation: Literal["unknown"] = "unknown"
    differs: tuple[str, ...]
    """Numbers and negations that are not in both, one sentence each."""


class VerifyAnswer(Shape):
    """Claims that read alike; never a verification."""

    api_version: Literal["v1"] = API_VERSION
    claim: str
    min_confidence: float
    relation: Literal["unknown"] = "unknown"
    matches: tuple[CandidateShape, ...]
    best_match: CandidateShape | None = None
    """The best without a differing number or negation."""
    note: str


class VerdictShape(Shape):
    """A verdict in a list."""

    digest: str
    kind: Literal["POST", "PRE"]
    status: str
    """As the document has it."""
    judged: str
    """As the rules judge it, which is never higher."""
    level: str | None = None
    score: float | None = None
    confidence: float | None = None
    target: str
    arxiv_id: str | None = None
    reported_value: float | None = None
    measured_value: float | None = None
    unit: str | None = None
    computed_at: str | None = None
    is_current: bool
    standing: str
    url: str


class VerdictList(Shape):
    """A page of verdicts; `next` goes back as `cursor`."""

    api_version: Literal["v1"] = API_VERSION
    count: int
    verdicts: tuple[VerdictShape, ...]
    next: str | None = None


class PaperShape(Shape):
    """A paper in a list."""

    arxiv_id: str
    title: str | None = None
    verdicts: int
    status: str | None = None
    """Of the newest current verdict, as its document has it."""
    judged: str | None = None
    """The same as the rules judge it."""
    level: str | None = None
    url: str


class PaperList(Shape):
    """Every paper that there is a verdict on."""

    api_version: Literal["v1"] = API_VERSION
    count: int
    papers: tuple[PaperShape, ...]
    next: str | None = None


class EnvelopeAnswer(Shape):
    """What a signed record comes to."""

    api_version: Literal["v1"] = API_VERSION
    state: str
    """As `verilora verify` names it; "unchecked" where the server has no trust file."""
    detail: str
    digest: str | None = None
    """Of the payload: the record's identity."""
    predicate_type: str | None = None
    key_ids: tuple[str, ...] = ()
    subjects: tuple[dict[str, Any], ...] = ()
    known: bool
    """It is kept here."""
    standing: str | None = None
    """What became of it, where it is kept here."""
