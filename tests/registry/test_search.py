"""Search: all words first, then some; no syntax; ties by id; the same in both databases."""

from __future__ import annotations

from typing import Any

import pytest

from verilora.errors import RegistryError
from verilora.registry import Registry


def found(registry: Registry, text: str, **how: Any) -> list[str]:
    return [hit.claim.claim.subject for hit in registry.search(text, **how)]


@pytest.fixture
def filled(registry: Registry, make: Any) -> Registry:
    for subject, obj, confidence in (
        ("LoRA", "Low-Rank Adaptation of Large Language Models", 1.0),
        ("QLoRA", "Efficient Finetuning of Quantized Language Models", 0.95),
        ("RoPE", "RoFormer", 0.7),
        ("適応器", "Adapters (適応 et al.)", 0.7),
    ):
        make.admit(registry, make.claim(subject, obj, confidence=confidence, tags=["shared-tag"]))
    return registry


def test_claims_with_all_words_come_before_those_with_some(filled: Registry) -> None:
    assert found(filled, "language adaptation") == ["LoRA", "QLoRA"]
    hits = filled.search("language adaptation nothing")
    assert [(hit.score, hit.words) for hit in hits] == [
        (2 / 3, ("language", "adaptation")),
        (1 / 3, ("language",)),
    ]


def test_the_last_word_may_be_a_beginning(filled: Registry) -> None:
    assert found(filled, "quant") == ["QLoRA"]
    assert found(filled, "language quant") == ["QLoRA", "LoRA"]
    assert found(filled, "lor") == ["LoRA"]
    assert found(filled, "quantized mod") == ["QLoRA"]


def test_letters_of_any_script_are_found(filled: Registry) -> None:
    assert found(filled, "適応器") == ["適応器"]
    assert found(filled, "LORA") == found(filled, "lôra") == ["LoRA"]


def test_confidence_and_limit_narrow_it(filled: Registry) -> None:
    assert len(found(filled, "shared tag")) == 4
    assert set(found(filled, "shared tag", min_confidence=0.95)) == {"LoRA", "QLoRA"}
    assert len(found(filled, "shared tag", limit=2)) == 2
    for limit in (0, 51):
        with pytest.raises(RegistryError):
            filled.search("x", limit=limit)


HOSTILE = (
    *(
        "",
        " ",
        '"',
        "'",
        '"lora',
        "lora'",
        "a AND",
        "NOT lora",
        "lora OR",
        "NEAR(a b)",
        "words:lora",
    ),
    *("^lora", "lora*", "-lora", "{lora}", "(((", "!&|<->", ":*", "lora:*", "\\", "%", "_", "\0"),
    *("'; DROP TABLE log; --", "a" * 10_000, "lora " * 5000, "\ud800", "؀", "½ ² ⅷ"),
)


def test_no_search_syntax_gets_through(filled: Registry) -> None:
    for text in HOSTILE:
        hits = [hit.claim.claim.subject for hit in filled.search(text)]
        assert ("LoRA" in hits) == ("lora" in text), text


def test_ties_are_broken_by_id(registry: Registry, make: Any) -> None:
    claims = [make.claim(f"Method{letter}", "Same Paper", tags=["tie"]) for letter in "dbca"]
    list(registry.admit_many(map(make.sign, claims)))
    wanted = sorted(claim.id for claim in claims)
    assert [hit.claim.id for hit in registry.search("same paper tie")] == wanted


def test_what_is_retracted_is_not_found(filled: Registry, make: Any) -> None:
    hit = filled.search("rope")[0]
    make.admit(filled, make.notice(hit.claim.entry.digest))
    assert found(filled, "rope") == []
