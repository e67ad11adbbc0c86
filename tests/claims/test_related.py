"""Shared tags, the rare before the common, ties by id, and never the same fact."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable

import pytest

from verilora.claims.related import TagIndex, index_of, related
from verilora.records.claim import Claim

Make = Callable[..., Claim]


def plainly(claim: Claim, claims: list[Claim], *, limit: int) -> list[tuple[str, set[str]]]:
    """The rule as it is written, without an index."""
    carriers = {tag: sum(tag in other.tags for other in claims) for tag in claim.tags}
    found = []
    for other in claims:
        shared = set(claim.tags) & set(other.tags)
        if other.id != claim.id and shared:
            score = sum(math.log1p(len(claims) / carriers[tag]) for tag in shared)
            found.append((-round(score, 9), other.id, shared))
    return [(id_, shared) for _, id_, shared in sorted(found, key=lambda one: one[:2])[:limit]]


def test_a_rare_tag_weighs_more_than_a_common_one(make_claim: Make) -> None:
    claim = make_claim("A", tags=["common", "rare"])
    common = [make_claim(f"B{n}", tags=["common"]) for n in range(5)]
    rare = make_claim("C", tags=["rare", "other"])
    found = related(claim, index_of([claim, *common, rare]), limit=3)
    assert found[0] == (rare.id, ("rare",))
    assert str(found[0]) == "shares 1 tag (rare)"
    assert [one.id for one in found[1:]] == sorted(other.id for other in common)[:2]


def test_the_rarest_shared_tag_is_named_first(make_claim: Make) -> None:
    claim = make_claim("A", tags=["common", "rare"])
    both = make_claim("B", tags=["common", "rare"])
    found = related(claim, index_of([claim, both, make_claim("C", tags=["common"])]))
    assert str(found[0]) == "shares 2 tags (rare, common)"


def test_a_duplicate_of_itself_is_not_related(make_claim: Make) -> None:
    claim = make_claim("Low-Rank Adaptation (LoRA)", tags=["lora"])
    again = make_claim("LoRA (Low-Rank Adaptation)", tags=["lora"])
    assert related(claim, index_of([claim, again])) == []
    assert related(claim, index_of([again])) == []
    apart = {"distinct_from": [{"id": again.id, "reason": "another"}], "tags": ["lora"]}
    told = make_claim(claim.subject, **apart)
    assert [one.id for one in related(told, index_of([told, again]))] == [again.id]


def test_a_claim_without_tags_has_no_relations(make_claim: Make) -> None:
    claim = make_claim("A")
    assert related(claim, index_of([claim, make_claim("B", tags=["x"])])) == []
    with pytest.raises(ValueError, match="at least 1"):
        related(claim, index_of([]), limit=0)


@pytest.mark.parametrize("seed", range(8))
def test_the_short_way_gives_what_the_rule_says(make_claim: Make, seed: int) -> None:
    chance = random.Random(seed)
    tags = [f"t{n}" for n in range(12)]
    shares = [1 / (n + 1) for n in range(12)]
    claims = [
        make_claim(
            f"S{n}", tags=[t for t, s in zip(tags, shares, strict=True) if chance.random() < s]
        )
        for n in range(60)
    ]
    for claim in claims[:10]:
        found = related(claim, index_of(claims), limit=4)
        assert [(one.id, set(one.shared)) for one in found] == plainly(claim, claims, limit=4)


def test_a_hundred_thousand_claims_are_quick(make_claim: Make) -> None:
    total = 100_000
    ids = [f"{n:016x}" for n in range(total)]
    steps = (1, 2, 3, 10, 100, 1000, 20_000)
    index = TagIndex({f"t{step}": set(ids[::step]) for step in steps}, total, {})
    claim = make_claim("A", tags=[f"t{step}" for step in steps])
    begin = time.perf_counter()
    found = related(claim, index)
    assert time.perf_counter() - begin < 0.5
    assert found[0] == (ids[0], ("t20000", "t1000", "t100", "t10", "t3", "t2", "t1"))
    assert len(found) == 5
