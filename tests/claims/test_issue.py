"""A claim is written by the rules or not at all, and all that is wrong is told at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from verilora.claims.draft import Draft, draft_of
from verilora.claims.issue import claim_of, fact
from verilora.errors import ClaimError
from verilora.records.claim import Claim
from verilora.records.verdict import VerdictDocument, read_document
from verilora.verdict.judge import judge

AT = "2026-05-16T00:00:00Z"
TEXT = "LoRA: Low-Rank Adaptation of Large Language Models\nWe propose Low-Rank Adaptation, or LoRA"
PAPER = {
    "type": "preprint",
    "publisher": "arXiv",
    "title": "LoRA: Low-Rank Adaptation of Large Language Models",
    "url": "https://arxiv.org/abs/2106.09685",
    "quote": "We propose Low-Rank Adaptation, or LoRA",
}
REPOSITORY = {
    "type": "github-release",
    "publisher": "Microsoft",
    "title": "LoRA reference implementation",
    "url": "https://github.com/microsoft/LoRA",
    "published": "2021-06-30",
}


def draft(**changes: Any) -> Draft:
    given = {
        "subject": "Low-Rank Adaptation (LoRA)",
        "predicate": "introduced_in_paper",
        "object": "LoRA: Low-Rank Adaptation of Large Language Models (Hu et al., 2021)",
        "tags": ["lora", "fine-tuning"],
        "sources": [PAPER, REPOSITORY],
    }
    return draft_of({**given, **changes})


def faults_of(*arguments: Any, **named: Any) -> str:
    with pytest.raises(ClaimError) as caught:
        fact(*arguments, at=AT, **named)
    return "\n".join(caught.value.facts["faults"])


def test_a_fact_becomes_a_claim_with_the_published_id() -> None:
    claim = fact(draft(), at=AT, texts={1: TEXT})
    assert claim.id == "d7b97d1b93d8d8bc"
    assert claim.confidence == 1.0
    assert claim.confidence_rule.startswith("a primary source, and an independent check")
    assert claim.statement.endswith("(Hu et al., 2021).")
    assert [source.ordinal for source in claim.sources] == [1, 2]
    assert (claim.published_at, claim.last_verified) == (AT, AT)
    assert fact(draft(), at=AT, texts={1: TEXT}).canonical() == claim.canonical()


def test_an_unchecked_quote_lowers_confidence_and_says_so() -> None:
    claim = fact(draft(), at=AT)
    assert claim.confidence == 0.95
    assert "the quote of source 1 is not checked" in claim.confidence_rule


def test_spaces_around_a_part_are_no_part_of_it() -> None:
    claim = fact(draft(subject="  Low-Rank Adaptation (LoRA) "), at=AT)
    assert (claim.id, claim.subject[0]) == ("d7b97d1b93d8d8bc", "L")


def test_all_faults_are_told_at_once() -> None:
    long = {**PAPER, "quote": "x" * 201}
    wrong = {**REPOSITORY, "url": "ftp://x"}
    given = {"subject": "a|b", "tags": ["Not A Slug"], "sources": [long, wrong], "confidence": 1.0}
    told = faults_of(draft(**given), texts={9: "x"})
    for piece in (
        "has 201 characters; at most 200",
        "never raise it",
        "a text is supplied for source 9",
        "subject",
        "the tag 'Not A Slug' is none",
        "'not-a-slug' would be one",
        "sources[1].url",
    ):
        assert piece in told, piece
    assert "sources[0].quote" not in told


@pytest.mark.parametrize(
    ("changes", "named", "piece"),
    [
        ({"sources": [PAPER]}, {}, "it has one source; at least 2 are wanted"),
        ({}, {"texts": {1: TEXT.replace("We", "They")}}, "does not stand in the text supplied"),
        ({}, {"texts": {1: "We propose Low-Rank Adaptation, or LoRA"}}, "does not hold the title"),
        ({"confidence": 0.8}, {}, "without a reason"),
    ],
)
def test_gates_and_rubric_refuse(
    changes: dict[str, Any], named: dict[str, Any], piece: str
) -> None:
    assert piece in faults_of(draft(**changes), **named)


def test_confidence_may_be_lowered_with_a_reason() -> None:
    claim = fact(draft(confidence=0.7, confidence_reason="a doubt"), at=AT, texts={1: TEXT})
    assert claim.confidence == 0.7
    assert claim.confidence_rule.startswith("lowered from 1.00: a doubt")


def test_a_probable_duplicate_is_refused_unless_it_is_told_apart() -> None:
    claim = fact(draft(), at=AT)
    again = {"subject": "LoRA (Low-Rank Adaptation)"}
    assert f"--distinct-from {claim.id}" in faults_of(draft(**again), others=[claim])
    apart = [{"id": claim.id, "reason": "a radio of the same name"}]
    told = fact(draft(**again, distinct_from=apart), at=AT, others=[claim])
    assert told.id == "f191b2876790dc6e"
    assert told.distinct_from[0].reason == "a radio of the same name"
    assert "has the same id" in faults_of(draft(), others=[claim])


def test_a_verdict_becomes_a_claim_about_a_performance(
    reproduction: Callable[..., VerdictDocument],
) -> None:
    document = reproduction(89.4, 89.5, 89.6, 89.7, 89.8)
    claim = claim_of(document, at=AT)
    assert claim.performance is not None
    assert claim.performance.verdict == document.digest
    assert claim.performance.status == judge(document).status
    assert claim.confidence == judge(document).confidence
    assert claim == Claim.model_validate_json(claim_of(document, at=AT).canonical())


def test_the_words_for_what_was_run_may_be_given(
    reproduction: Callable[..., VerdictDocument],
) -> None:
    claim = claim_of(reproduction(89.5), at=AT, subject="Bridges on MRPC")
    assert claim.subject == "Bridges on MRPC"
    with pytest.raises(ClaimError, match="subject"):
        claim_of(reproduction(89.5), at=AT, subject="a|b")


def test_what_was_not_run_is_no_performance(reproduction: Callable[..., VerdictDocument]) -> None:
    pre = VerdictDocument(verdict=reproduction(89.5).verdicts.pre)
    for document, piece in (
        (pre, "nothing was run yet"),
        (VerdictDocument(), "holds no verdict"),
        (read_document(b'{"kind":"POST","status":"reproduced","score":0.9}'), "no number to claim"),
    ):
        with pytest.raises(ClaimError, match=piece):
            claim_of(document, at=AT)
