"""Drafts and verdicts -> claims: the one place where a claim is written.

`fact` applies the quote gate, the rubric and the rule on duplicates, and tells all faults at once;
`claim_of` takes a verdict as its own rules judge it. Both are functions of what is handed in, the
time too. Nothing is signed here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from verilora.claims.draft import Draft, DraftSource
from verilora.claims.duplicates import duplicate_fault
from verilora.claims.performance import (
    LONGEST_TAG,
    claim_faults,
    performance_parts,
    slug_of,
)
from verilora.claims.quotes import check_quotes
from verilora.claims.rubric import Assessment, assess, lower
from verilora.errors import ClaimError, DataError
from verilora.records.claim import LONGEST_QUOTE, Claim, claim_id, statement_of
from verilora.records.reading import record_of
from verilora.records.verdict import VerdictDocument

NO_TEXTS: Mapping[int, str] = {}


def fact(
    draft: Draft,
    *,
    at: str,
    texts: Mapping[int, str] = NO_TEXTS,
    others: Iterable[Claim] = (),
) -> Claim:
    """The claim that a draft comes to, written `at` a time (UTC, "2026-05-16T00:00:00Z").

    `texts` holds the text of each source, by its number from 1, where one was supplied; `others`
    are the claims that it may not repeat. Raises ClaimError with every fault.
    """
    quotes = check_quotes(draft.sources, texts)
    found = assess(draft.predicate, object=draft.object, sources=draft.sources, quotes=quotes)
    found = lower(found, draft.confidence, reason=draft.confidence_reason)
    faults = [fault for quote in quotes for fault in quote.faults] + [*found.faults]
    faults += [*_number_faults(draft, texts), *_tag_faults(draft.tags)]
    parts = {
        **_parts_of(draft),
        "tags": [tag for tag in draft.tags if tag == slug_of(tag)],
        "sources": [_source(n, source) for n, source in enumerate(draft.sources, 1)],
        "distinct_from": [one.to_mapping() for one in draft.distinct_from],
    }
    return _written(parts, found, at=at, faults=faults, others=others)


def claim_of(
    document: VerdictDocument,
    *,
    at: str,
    paper_text: str | None = None,
    subject: str | None = None,
    rank: int | None = None,
    others: Iterable[Claim] = (),
) -> Claim:
    """The claim about a performance that a verdict document holds.

    Status, level and confidence are those that the rules of `verdict.judge` give, which are never
    above the document's own. `paper_text` opens the gate of the quote; `subject` takes the place of
    the generated words for what was run, in which `rank` is the adapter's. Raises ClaimError for
    what was not run and measured.
    """
    faults = claim_faults(document)
    if faults:
        raise ClaimError("a claim about this verdict", faults)
    parts, found = performance_parts(document, paper_text=paper_text, rank=rank)
    if subject is not None:
        parts["subject"] = subject
    return _written(parts, found, at=at, faults=[], others=others)


def _written(
    parts: dict[str, Any],
    found: Assessment,
    *,
    at: str,
    faults: list[str],
    others: Iterable[Claim],
) -> Claim:
    subject, predicate, object_ = (parts[name] for name in ("subject", "predicate", "object"))
    identity = claim_id(subject, predicate, object=object_, vertical=parts["vertical"])
    mapping = {
        **parts,
        "id": identity,
        "statement": statement_of(subject, predicate, object=object_),
        "confidence": found.confidence,
        "confidence_rule": found.rule,
        "published_at": at,
        "last_verified": at,
    }
    name = f"claim {identity}"
    try:
        claim = record_of(Claim, mapping, name=name)
    except DataError as error:
        told = [fault for fault in error.facts["faults"] if not fault.startswith("statement")]
        raise ClaimError(name, [*faults, *(told or error.facts["faults"])]) from error
    repeated = duplicate_fault(claim, others)
    faults = [*faults, *([repeated] if repeated else [])]
    if faults:
        raise ClaimError(name, faults)
    return claim


def _parts_of(draft: Draft) -> dict[str, Any]:
    # Trimmed, as the id is made of trimmed parts: spaces around a name are no part of it.
    names = ("vertical", "subject", "predicate", "object")
    return {name: getattr(draft, name).strip() for name in names}


def _source(number: int, source: DraftSource) -> dict[str, Any]:
    kept = {name: value for name, value in source.to_mapping().items() if name != "text"}
    # The gate has told of a quote that is too long; told once is enough.
    quote = source.quote[:LONGEST_QUOTE] if source.quote else None
    return {**kept, "ordinal": number, "quote": quote}


def _tag_faults(tags: Iterable[str]) -> list[str]:
    return [
        f"the tag '{tag}' is none: small letters, digits and single hyphens are wanted, "
        f"{LONGEST_TAG} at most" + (f"; '{slug}' would be one" if (slug := slug_of(tag)) else "")
        for tag in tags
        if tag != slug_of(tag)
    ]


def _number_faults(draft: Draft, texts: Mapping[int, str]) -> list[str]:
    count = len(draft.sources)
    return [
        f"a text is supplied for source {number}, and there are {count}; number them from 1"
        for number in sorted(texts)
        if not 1 <= number <= count
    ]
