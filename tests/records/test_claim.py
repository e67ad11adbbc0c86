"""A claim's id and statement follow from its parts, as they do for claims published elsewhere."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from verilora.records.claim import Claim, claim_id, statement_of

LORA = "LoRA: Low-Rank Adaptation of Large Language Models (Hu et al., 2021)"
PUBLISHED = [
    ("Low-Rank Adaptation (LoRA)", LORA, "d7b97d1b93d8d8bc"),
    ("LoRA (Low-Rank Adaptation)", LORA, "f191b2876790dc6e"),
    (
        "ResNet (Residual Networks)",
        "Deep Residual Learning for Image Recognition (He et al., 2015)",
        "4f55f77c4bfb316e",
    ),
    (
        "QLoRA",
        "QLoRA: Efficient Finetuning of Quantized LLMs (Dettmers et al., 2023)",
        "767cbe41c961be1a",
    ),
]


def given(**changes: Any) -> dict[str, Any]:
    subject, predicate, object_ = "LoRA", "introduced_in_paper", "A paper (2021)"
    source = {
        "ordinal": 1,
        "type": "preprint",
        "publisher": "p",
        "title": "t",
        "url": "https://x.y",
    }
    moment = "2026-01-01T00:00:00Z"
    return {
        "id": claim_id(subject, predicate, object=object_),
        "subject": subject,
        "predicate": predicate,
        "object": object_,
        "statement": statement_of(subject, predicate, object=object_),
        "confidence": 0.7,
        "confidence_rule": "one secondary source",
        "sources": [source],
        "published_at": moment,
        "last_verified": moment,
        **changes,
    }


@pytest.mark.parametrize(("subject", "object_", "wanted"), PUBLISHED)
def test_ids_are_those_published_elsewhere(subject: str, object_: str, wanted: str) -> None:
    assert claim_id(subject, "introduced_in_paper", object=object_) == wanted
    assert claim_id(f"  {subject.upper()} ", "introduced_in_paper", object=object_) == wanted


def test_a_claim_comes_back_from_its_bytes() -> None:
    claim = Claim.model_validate(given())
    assert Claim.model_validate_json(claim.canonical()) == claim
    assert claim.statement == "LoRA introduced in paper: A paper (2021)."


@pytest.mark.parametrize("part", ["a|b", "|", "", "   ", "x" * 301])
def test_a_part_holds_no_bar_and_is_not_empty(part: str) -> None:
    parts = {"predicate": "introduced_in_paper", "object": "A paper (2021)"}
    told = {
        "id": claim_id(part, parts["predicate"], object=parts["object"]),
        "statement": statement_of(part, parts["predicate"], object=parts["object"]),
    }
    with pytest.raises(ValidationError, match="1 validation error for Claim\nsubject"):
        Claim.model_validate(given(subject=part, **told))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"id": "0" * 16}, "give"),
        ({"statement": "LoRA is best."}, "the parts give"),
        ({"subject": "a|b"}, "subject"),
        ({"tags": ["a", "a"]}, "twice"),
        ({"tags": [f"t{n}" for n in range(13)]}, "tags"),
        ({"sources": [{**given()["sources"][0], "ordinal": 2}]}, "numbered"),
        ({"sources": [{**given()["sources"][0], "url": "javascript:x"}]}, "url"),
        ({"sources": [{**given()["sources"][0], "quote": "q" * 201}]}, "quote"),
        ({"confidence": 1.5}, "confidence"),
        ({"published_at": "yesterday"}, "published_at"),
        ({"rank": 1}, "rank"),
        ({"distinct_from": [{"id": given()["id"], "reason": "r"}]}, "distinct from itself"),
        ({"distinct_from": [{"id": "0" * 16, "reason": ""}]}, "reason"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        Claim.model_validate(given(**changes))
