"""Claim: one fact with what it rests on (`verilora.claim/1`).

A claim about a fact rests on sources; one about a performance on a verdict, its runs and files too.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from verilora.records.given import Count, Digest, Share, Text
from verilora.records.patterns import CLAIM_ID, DAY, MOMENT, PART, PREDICATE, SLUG, URL
from verilora.records.protocol import Level
from verilora.records.record import Record
from verilora.records.verdict import Artifact, Status

FORMAT = "verilora.claim/1"
METHODOLOGY = "verilora.methodology/1"
"""The version of the rules that gates, confidence and duplicates follow."""
VERTICAL = "ai-ml"
LONGEST_QUOTE = 200
"""Characters."""
SourceType = Literal[
    "preprint",
    "peer-reviewed",
    "official-blog",
    "press-release",
    "docs",
    "model-card",
    "github-release",
    "benchmark",
]
Part = Annotated[Text, Field(min_length=1, max_length=300, pattern=PART)]
"""A part of a claim's id: not empty, and without the bar that stands between the parts."""


def _address(text: str) -> str:
    parts = urlsplit(text)  # ValueError for brackets that are none
    if not parts.hostname or parts.port == 0 or "@" in parts.netloc:
        raise ValueError("a host is wanted behind ://, without a user's name before it")
    return text


Url = Annotated[
    Text,
    Field(max_length=2000, pattern=URL),
    AfterValidator(_address),
]
"""A page's address; with a name before the host, as in https://arxiv.org@example.org, it lies."""


def _in_calendar(text: str) -> str:
    try:
        datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text} is in no calendar: {error}") from error
    return text


Day = Annotated[Text, Field(pattern=DAY), AfterValidator(_in_calendar)]
Moment = Annotated[Text, Field(pattern=MOMENT), AfterValidator(_in_calendar)]
"""UTC."""
Slug = Annotated[Text, Field(max_length=40, pattern=SLUG)]
ClaimId = Annotated[str, Field(strict=True, pattern=CLAIM_ID)]


class Source(Record):
    """Where a claim's fact stands. `quote` is verbatim, at most 200 characters."""

    ordinal: Count
    type: SourceType
    publisher: Part
    title: Part
    url: Url
    published: Day | None = None
    accessed: Day | None = None
    quote: Annotated[Text, Field(max_length=LONGEST_QUOTE)] | None = None


class Distinct(Record):
    """A claim that looks like the same fact, and why it is another."""

    id: ClaimId
    reason: Annotated[Text, Field(min_length=1, max_length=1000)]


class Performance(Record):
    """What a claim about a number rests on."""

    verdict: Digest
    status: Status
    level: Level
    preregistration: Digest | None = None
    runs: tuple[Digest, ...] = ()
    artifacts: tuple[Artifact, ...] = ()


class Claim(Record):
    """One fact: subject, predicate, object. Its id follows from these and the vertical alone."""

    format: Literal["verilora.claim/1"] = FORMAT
    id: ClaimId
    vertical: Part = VERTICAL
    subject: Part
    predicate: Annotated[Text, Field(max_length=100, pattern=PREDICATE)]
    object: Part
    statement: Text
    confidence: Share
    confidence_rule: Text
    """Which line of the rubric gave it, or who lowered it and why."""
    tags: Annotated[tuple[Slug, ...], Field(max_length=12)] = ()
    sources: Annotated[tuple[Source, ...], Field(max_length=50)] = ()
    methodology: Literal["verilora.methodology/1"] = METHODOLOGY
    published_at: Moment
    last_verified: Moment
    performance: Performance | None = None
    distinct_from: Annotated[tuple[Distinct, ...], Field(max_length=12)] = ()
    """What it was taken for a duplicate of, and is not."""

    @model_validator(mode="after")
    def _follows(self) -> Claim:
        wanted = claim_id(self.subject, self.predicate, object=self.object, vertical=self.vertical)
        if self.id != wanted:
            raise ValueError(
                f"id is {self.id}; vertical, subject, predicate and object give {wanted}"
            )
        told = statement_of(self.subject, self.predicate, object=self.object)
        if self.statement != told:
            raise ValueError(f"statement is {self.statement!r}; the parts give {told!r}")
        if [source.ordinal for source in self.sources] != list(range(1, len(self.sources) + 1)):
            raise ValueError("sources are numbered 1, 2, 3, ... in their order")
        if len(set(self.tags)) < len(self.tags):
            raise ValueError("a tag stands there twice; each is wanted once")
        if any(other.id == self.id for other in self.distinct_from):
            raise ValueError("a claim cannot be distinct from itself; an equal id is one fact")
        return self


def claim_id(subject: str, predicate: str, *, object: str, vertical: str = VERTICAL) -> str:
    """The first 16 hex digits of SHA-256 over `vertical|subject|predicate|object`.

    Each part is trimmed and lower-cased; UTF-8. The rule of the claims that are published
    elsewhere, so that ids agree.
    """
    parts = (vertical, subject, predicate, object)
    text = "|".join(part.strip().lower() for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def statement_of(subject: str, predicate: str, *, object: str) -> str:
    """ "LoRA introduced in paper: LoRA: Low-Rank Adaptation ... ." """
    return f"{subject.strip()} {predicate.strip().replace('_', ' ')}: {object.strip()}."
