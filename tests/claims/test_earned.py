"""A claim that was edited after it was written says no more than the rules would have given it."""

from __future__ import annotations

from typing import Any

import pytest

from verilora.claims.earned import unearned
from verilora.claims.family import load_family
from verilora.claims.issue import claim_of
from verilora.records.claim import Claim


def told(claim: Claim, **changes: Any) -> str:
    return "; ".join(unearned(Claim.model_validate({**claim.to_mapping(), **changes})))


def test_what_was_written_by_the_rules_is_earned(reproduction: Any) -> None:
    made = claim_of(reproduction(89.4, 89.5, 89.6), at="2026-05-16T00:00:00Z")
    for claim in (*load_family(), made):
        assert list(unearned(claim)) == []
        assert told(claim, confidence=max(0.7, claim.confidence - 0.01)) == ""


def test_confidence_is_not_raised_by_hand(claim: Claim) -> None:
    assert told(claim, confidence=1.0) == ""  # its quote may have been found
    bare = [{**source, "quote": None} for source in claim.to_mapping()["sources"]]
    assert told(claim, sources=bare) == ""
    assert "at most 0.95" in told(claim, sources=bare, confidence=1.0)
    short = [{**bare[0], "quote": "We propose LoRA"}, bare[1]]
    assert "fewer than 4 words" in told(claim, sources=short, confidence=1.0)
    assert "below 0.70" in told(claim, confidence=0.69)


def test_sources_are_still_two_and_still_what_they_are_called(claim: Claim) -> None:
    first, second = claim.to_mapping()["sources"]
    assert "it has one source" in told(claim, sources=[first])
    assert "it has no source" in told(claim, sources=[])
    named = [{**first, "type": "docs"}, second]
    assert "its type is 'preprint'" in told(claim, sources=named)


def test_a_performance_is_capped_by_its_level(reproduction: Any) -> None:
    claim = claim_of(reproduction(89.4, 89.5, 89.6), at="2026-05-16T00:00:00Z")
    assert claim.performance is not None
    for level, most in (
        ("exact", "0.99"),
        ("near", "0.85"),
        ("proxy", "0.60"),
        ("unknown", "0.30"),
    ):
        held = {**claim.to_mapping()["performance"], "level": level}
        assert told(claim, performance=held, confidence=float(most)) == ""
        assert f"at most {most}" in told(claim, performance=held, confidence=float(most) + 0.005)


@pytest.mark.parametrize(
    "url", ["https://[bad", "https://arxiv.org@example.org/abs/1", "http://:0/"]
)
def test_an_address_that_is_none_is_no_claims(url: str, claim: Claim) -> None:
    first, second = claim.to_mapping()["sources"]
    with pytest.raises(ValueError, match="url"):
        told(claim, sources=[first, {**second, "url": url}])
