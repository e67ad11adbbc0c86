"""From what a registry gives to the shapes of the interface for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from verilora.claims.cite import Format, cite
from verilora.records.claim import Claim
from verilora.records.verdict import PaperVersion
from verilora.registry.views import (
    ClaimView,
    NoticeView,
    PaperView,
    RelatedInShort,
    SearchHit,
    Tag,
    VerdictView,
)
from verilora.web import shapes
from verilora.web.candidates import NOTE, differences_of
from verilora.web.judged import status_of, told_of
from verilora.web.links import Links, claim_path, paper_path, tag_path, verdict_path

VERDICT_KEYS = (
    "id",
    "kind",
    "status",
    "score",
    "confidence",
    "agent_version",
    "computed_at",
    "is_current",
    "claim_citation",
    "protocol_match",
)
"""That every verdict of a paper's document has."""


def claim_in_short(view: ClaimView, links: Links) -> shapes.ClaimShape:
    """A claim as it stands in lists. It was checked when it came in, and is not again."""
    return shapes.ClaimShape.model_construct(**_claim(view, links))


def claim_answer(
    view: ClaimView,
    links: Links,
    *,
    related: Sequence[RelatedInShort],
    envelope: bytes,
    verdict: VerdictView | None = None,
) -> shapes.ClaimAnswer:
    """A claim with its envelope, its sources, what was said later, and what is related.

    `verdict` is the one that it rests on, if that is kept here.
    """
    signed, short = json.loads(envelope), claim_in_short(view, links)
    return shapes.ClaimAnswer.model_construct(
        **dict(short),
        claim=short,
        methodology=links.outside("/methodology"),
        performance=_performance(view.claim, verdict, links=links),
        related=tuple(_related(one) for one in related),
        notices=tuple(notice_shape(one) for one in view.notices),
        signature=_signature(view, signed),
        envelope=signed,
        cited_as=cited_as(view, links),
    )


def cited_as(view: ClaimView, links: Links) -> str:
    """The line that others may paste."""
    return citation(view, links, format="plain").strip()


def citation(view: ClaimView, links: Links, *, format: Format) -> str:
    """The claim's citation, with the day on which it was verified last."""
    claim = view.claim.model_copy(update={"last_verified": view.last_verified})
    address = links.outside(f"/api/v1{claim_path(view.id)}.json")
    return cite(claim, view.entry.digest, format=format, url=address)


def search_answer(query: str, hits: Iterable[SearchHit], *, links: Links) -> shapes.SearchAnswer:
    """What was found."""
    results = tuple(
        shapes.Found(
            claim=claim_in_short(hit.claim, links),
            match_score=hit.score,
            rationale=_rationale(hit),
        )
        for hit in hits
    )
    return shapes.SearchAnswer(query=query, count=len(results), results=results)


def verify_answer(
    sentence: str, hits: Iterable[SearchHit], *, links: Links, least: float
) -> shapes.VerifyAnswer:
    """Candidates, those with nothing that differs first; the likeness orders within."""
    candidates = [
        shapes.CandidateShape(
            claim=claim_in_short(hit.claim, links),
            match_score=hit.score,
            rationale=_rationale(hit),
            differs=differences_of(sentence, hit.claim.claim.statement),
        )
        for hit in hits
    ]
    candidates.sort(key=lambda one: (bool(one.differs), -one.match_score, one.claim.id))
    return shapes.VerifyAnswer(
        claim=sentence,
        min_confidence=least,
        matches=tuple(candidates),
        best_match=next((one for one in candidates if not one.differs), None),
        note=NOTE,
    )


def tag_list(tags: Sequence[Tag], links: Links) -> shapes.TagList:
    """Every tag with its page."""
    told = tuple(
        shapes.TagShape(tag=tag.name, count=tag.claims, url=links.outside(tag_path(tag.name)))
        for tag in tags
    )
    return shapes.TagList(count=len(told), tags=told)


def verdict_shape(view: VerdictView, links: Links) -> shapes.VerdictShape:
    """A verdict as it stands in lists."""
    verdict = view.verdict
    reported, measured = verdict.reported, verdict.measured
    cited = verdict.claim_citation.reported_value if verdict.claim_citation else None
    return shapes.VerdictShape(
        digest=view.entry.digest,
        kind=verdict.kind,
        status=verdict.status,
        judged=status_of(view),
        level=verdict.protocol_match,
        score=verdict.score,
        confidence=verdict.confidence,
        target=view.target,
        arxiv_id=view.arxiv_id,
        reported_value=reported.value if reported else cited,
        measured_value=measured.value if measured else None,
        unit=reported.unit if reported else None,
        computed_at=verdict.computed_at,
        is_current=view.is_current,
        standing=view.entry.standing,
        url=links.outside(verdict_path(view.entry.digest)),
    )


def paper_shape(view: PaperView, links: Links) -> shapes.PaperShape:
    """A paper as it stands in lists."""
    return shapes.PaperShape(
        arxiv_id=view.arxiv_id,
        title=view.paper.title,
        verdicts=view.verdicts,
        status=view.post.status if view.post else None,
        judged=status_of(view.post) if view.post else None,
        level=view.post.level if view.post else None,
        url=links.outside(paper_path(view.arxiv_id)),
    )


def paper_answer(view: PaperView) -> dict[str, Any]:
    """A paper with its verdicts, in the shape of a verdict document.

    Every key of the shape is there, null where nothing is known. Status and confidence are no
    higher than the rules allow; where the signed document says more, a caveat tells of it.
    """
    post, pre = _given(view.post), _given(view.pre)
    return {
        "paper": view.paper.model_dump(mode="json"),
        "latest_version": (view.version or PaperVersion()).model_dump(mode="json"),
        "verdict": post or pre,
        "verdicts": {"post": post, "pre": pre},
    }


def notice_shape(view: NoticeView) -> shapes.NoticeShape:
    """What was said later about a record."""
    notice = view.notice
    return shapes.NoticeShape(
        kind=notice.kind,
        reason=notice.reason,
        made_at=notice.made_at,
        by=notice.by,
        url=notice.url,
        digest=view.entry.digest,
        has_effect=view.has_effect,
    )


def _given(view: VerdictView | None) -> dict[str, Any] | None:
    if view is None:
        return None
    verdict = view.verdict
    told = dict.fromkeys(VERDICT_KEYS) | verdict.to_mapping()
    told["id"] = verdict.id or view.entry.digest
    told["is_current"] = view.is_current
    if verdict.claim_citation is not None:
        told["claim_citation"] = verdict.claim_citation.model_dump(mode="json")
    return told | _lowered(view)


def _lowered(view: VerdictView) -> dict[str, Any]:
    """What of a verdict the rules do not allow, as they allow it."""
    verdict, judged = view.verdict, told_of(view.entry.digest, view.document)["verdict"]
    status = status_of(view)
    if status == verdict.status:
        return {}
    caveat = f"the signed document says '{verdict.status}'; by the rules it is '{status}'"
    return {
        "status": status,
        "confidence": judged.confidence,
        "caveats": [*(verdict.caveats or ()), caveat],
    }


def _claim(view: ClaimView, links: Links) -> dict[str, Any]:
    claim = view.claim
    same = ("id", "vertical", "subject", "predicate", "object", "statement", "confidence")
    return {name: getattr(claim, name) for name in (*same, "confidence_rule", "tags")} | {
        "methodology_version": claim.methodology,
        "published_at": claim.published_at,
        "last_verified": view.last_verified[:10],
        "standing": view.entry.standing,
        "digest": view.entry.digest,
        "url": links.outside(claim_path(view.id)),
        "sources": tuple(
            shapes.SourceShape.model_construct(
                ordinal=source.ordinal,
                type=source.type,
                publisher=source.publisher,
                published_date=source.published,
                title=source.title,
                url=source.url,
                excerpt=source.quote,
            )
            for source in claim.sources
        ),
    }


def _performance(
    claim: Claim, verdict: VerdictView | None, *, links: Links
) -> shapes.PerformanceShape | None:
    held = claim.performance
    if held is None:
        return None
    return shapes.PerformanceShape(
        verdict=held.verdict,
        status=held.status,
        level=held.level,
        preregistration=held.preregistration,
        runs=held.runs,
        artifacts=tuple(file.to_mapping() for file in held.artifacts),
        url=links.outside(verdict_path(verdict.entry.digest)) if verdict else None,
    )


def _related(one: RelatedInShort) -> shapes.RelatedShape:
    return shapes.RelatedShape.model_construct(
        id=one.id,
        statement=one.statement,
        confidence=one.confidence,
        shared_tags=len(one.tags),
        tags=one.tags,
    )


def _signature(view: ClaimView, signed: dict[str, Any]) -> shapes.SignatureShape:
    first = signed["signatures"][0]
    return shapes.SignatureShape.model_construct(
        signed_by=(*view.entry.key_ids, first.get("keyid"))[0],
        signed_at=view.entry.admitted_at,
        signature=first["sig"],
        state=view.entry.state,
    )


def _rationale(hit: SearchHit) -> str:
    words = ", ".join(hit.words)
    return f"holds the words {words}" if words else "shares words with it"
