"""Claims: lists, tags, relations, and when they were last verified."""

from __future__ import annotations

from typing import Any

import pytest

from verilora.claims.related import index_of, related
from verilora.errors import RegistryError
from verilora.registry import Registry


def test_a_list_goes_on_where_it_stopped(registry: Registry, make: Any) -> None:
    for number in range(7):
        make.admit(registry, make.claim(f"Method{number}", tags=["all", f"t{number % 2}"]))
    for tag, wanted in ((None, "6543210"), ("all", "6543210"), ("t0", "6420"), ("none", "")):
        found, cursor = [], None
        while True:
            page = registry.claims(tag, limit=3, cursor=cursor)
            found += [view.claim.subject[-1] for view in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert "".join(found) == wanted


def test_what_comes_in_between_does_not_disturb_a_list(small: Registry, make: Any) -> None:
    for number in range(4):
        make.admit(small, make.claim(f"Method{number}"))
    first = small.claims(limit=2)
    make.admit(small, make.claim("Newer"))
    rest = small.claims(limit=2, cursor=first.next_cursor)
    assert [view.claim.subject for view in rest.items] == ["Method1", "Method0"]
    assert rest.next_cursor is None


def test_a_cursor_of_another_list_is_refused(small: Registry, make: Any) -> None:
    for number in range(3):
        make.admit(small, make.claim(f"Method{number}", tags=["t"]))
    cursor = small.claims(limit=1).next_cursor
    for call in (
        lambda: small.claims("t", cursor=cursor),
        lambda: small.claims(cursor="nonsense"),
        lambda: small.claims(limit=0),
        lambda: small.claims(limit=201),
    ):
        with pytest.raises(RegistryError):
            call()


def test_tags_count_current_claims(registry: Registry, make: Any) -> None:
    gone = make.admit(registry, make.claim("A", tags=["x", "y"]))
    make.admit(registry, make.claim("B", tags=["x"]))
    assert [(tag.name, tag.claims) for tag in registry.tags()] == [("x", 2), ("y", 1)]
    make.admit(registry, make.notice(gone.digest))
    assert [(tag.name, tag.claims) for tag in registry.tags()] == [("x", 1)]
    assert registry.counts().claims == 1


def test_related_claims_are_those_of_the_rule(registry: Registry, make: Any) -> None:
    tags = {"A": "x y z", "B": "x y", "C": "x", "D": "x z", "E": "w", "F": "x y z"}
    claims = [make.claim(name, tags=held.split()) for name, held in tags.items()]
    list(registry.admit_many(map(make.sign, claims)))
    for claim in claims:
        wanted = related(claim, index_of(claims), limit=5)
        found = registry.related(claim.id, limit=5)
        assert [(one.claim.id, one.tags) for one in found] == [tuple(one) for one in wanted]
    assert registry.related(claims[0].id)[0].claim.claim.subject == "F"


def test_a_claim_is_not_related_to_its_retracted_neighbour(small: Registry, make: Any) -> None:
    first = make.claim("A", tags=["x"])
    make.admit(small, first)
    gone = make.admit(small, make.claim("B", tags=["x"]))
    assert len(small.related(first.id)) == 1
    make.admit(small, make.notice(gone.digest))
    assert small.related(first.id) == ()


def test_a_claim_is_as_fresh_as_the_newest_verdict_that_agrees(
    registry: Registry, make: Any
) -> None:
    document = make.verdict("partial", computed_at="2026-06-01T00:00:00Z")
    performance = {"verdict": document.digest, "status": "partial", "level": "proxy"}
    claim = make.claim(performance=performance)
    make.admit(registry, claim)
    assert _verified(registry, claim) == "2026-05-16T12:00:00.000000Z"
    make.admit(registry, document)
    assert _verified(registry, claim) == "2026-06-01T00:00:00.000000Z"
    again = make.admit(registry, make.verdict("partial", computed_at="2026-07-01T00:00:00Z"))
    make.admit(registry, make.verdict("inconclusive", computed_at="2026-08-01T00:00:00Z"))
    assert _verified(registry, claim) == "2026-07-01T00:00:00.000000Z"
    make.admit(registry, make.notice(again.digest))
    assert _verified(registry, claim) == "2026-06-01T00:00:00.000000Z"


def _verified(registry: Registry, claim: Any) -> str:
    view = registry.claim(claim.id)
    assert view is not None
    return view.last_verified


def test_what_is_related_in_short_says_the_same(registry: Registry, make: Any) -> None:
    for subject in ("LoRA", "QLoRA", "DoRA"):
        make.admit(registry, make.claim(subject, tags=["fine-tuning", subject.lower()]))
    view = registry.claims(limit=1).items[0]
    whole = registry.related(view)
    assert len(whole) == 2
    assert registry.related_in_short(view) == tuple(one.in_short for one in whole)
    assert registry.related_in_short(view, limit=1) == (whole[0].in_short,)
