"""One fact is found under two names, and two facts with like names are left apart."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verilora.claims.duplicates import (
    duplicate_fault,
    key_of,
    probable,
    refuse_duplicate,
    why_same,
    words_of,
)
from verilora.errors import ClaimError
from verilora.records.claim import Claim

Make = Callable[..., Claim]
WORDS = st.text(alphabet="abcXYZ019+#*é", min_size=1, max_size=5).filter(str.strip)
SUBJECTS = st.lists(WORDS, min_size=1, max_size=5).map(" ".join)
SAME = [
    ("Low-Rank Adaptation (LoRA)", "LoRA (Low-Rank Adaptation)"),
    ("LoRA", "lora"),
    ("LoRA", " LoRA. "),
    ("Low-Rank Adaptation", "low  rank adaptation"),
    ("Low–Rank Adaptation", "Low-Rank Adaptation"),
    ("ＬｏＲＡ", "LoRA"),
    ("Llama 3.1", "3.1, Llama"),
    ("?!", "?! "),
    ("Lo\u200bRA", "LoRA"),
    ("Lo\u00adRA", "LoRA"),
    ("LoRA\ufeff", "LoRA"),
]
OTHERS = ["LoRA", "QLoRA", "AdaLoRA", "LoRA+", "DoRA", "rsLoRA", "LoRA*", "LoRA#", "LoRA-FA"]
FAMILIES = [OTHERS, ["ResNet", "ResNeXt", "ResNet v2"], ["Llama 3.1", "Llama 31", "Llama 3 2"]]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same_fact_under_another_name(make_claim: Make, one: str, other: str) -> None:
    assert why_same(make_claim(one), make_claim(other))


@pytest.mark.parametrize(
    ("one", "other"), [pair for names in FAMILIES for pair in itertools.combinations(names, 2)]
)
def test_names_that_are_alike_are_not_the_same(make_claim: Make, one: str, other: str) -> None:
    assert why_same(make_claim(one), make_claim(other)) is None
    assert probable(make_claim(one), [make_claim(other)]) is None


def test_predicate_and_object_count(make_claim: Make) -> None:
    claim = make_claim("LoRA", "a number: 5")
    assert why_same(claim, make_claim("LoRA", "A number:  5.")) is not None
    assert why_same(claim, make_claim("LoRA", "a num\u200bber: 5")) is not None
    for object_ in ("a number: -5", "a number: 5 %", "a number: 50", "a number: > 5"):
        assert why_same(claim, make_claim("LoRA", object_)) is None, object_
    assert why_same(claim, make_claim("LoRA", "a number: 5", predicate="defined_in")) is None


def test_the_published_pair_is_refused_with_the_way_out(make_claim: Make) -> None:
    first = make_claim("Low-Rank Adaptation (LoRA)")
    second = make_claim("LoRA (Low-Rank Adaptation)")
    with pytest.raises(ClaimError, match=f"--distinct-from {first.id} --reason TEXT"):
        refuse_duplicate(second, [make_claim("QLoRA"), first])
    told_apart: dict[str, Any] = {"distinct_from": [{"id": first.id, "reason": "a radio"}]}
    refuse_duplicate(make_claim(second.subject, **told_apart), [first])


def test_an_equal_id_is_refused_whatever_is_said(make_claim: Make) -> None:
    claim, other = make_claim("LoRA"), make_claim("LORA")
    assert claim.id == other.id
    assert "differs in how it is written" in (duplicate_fault(claim, [other]) or "")
    told = duplicate_fault(claim, [claim]) or ""
    assert "is there already: it has the same id" in told
    assert f"verilora registry retract {claim.id} --reason TEXT" in told


def test_an_equal_id_comes_before_equal_words(make_claim: Make) -> None:
    claim = make_claim("Low-Rank Adaptation")
    others = [make_claim("Low Rank Adaptation"), make_claim("Adaptation, low-rank"), claim]
    assert probable(claim, others) is claim
    without = [other for other in others if other is not claim]
    assert probable(claim, without) == min(without, key=lambda other: other.id)


@settings(max_examples=60, deadline=None)
@given(first=SUBJECTS, second=SUBJECTS)
def test_it_is_symmetric_and_the_index_agrees(make_claim: Make, first: str, second: str) -> None:
    one, other = make_claim(first), make_claim(second)
    assert why_same(one, other) == why_same(other, one)
    assert (key_of(one) == key_of(other)) == (words_of(first) == words_of(second))
    assert bool(why_same(one, other)) == (key_of(one) == key_of(other) or one.id == other.id)


@settings(max_examples=60, deadline=None)
@given(words=st.lists(WORDS, min_size=1, max_size=6), data=st.data())
def test_it_is_reflexive_and_order_does_not_matter(
    make_claim: Make, words: list[str], data: st.DataObject
) -> None:
    turned = data.draw(st.permutations(words))
    claim, other = make_claim(" ".join(words)), make_claim(f"({turned[0]}) {'-'.join(turned[1:])}")
    assert probable(claim, [claim]) is claim
    assert why_same(claim, other)
