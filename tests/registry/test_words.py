"""Words: folded, nothing in them is syntax, and any letter fits into an index."""

from __future__ import annotations

from typing import Any

from verilora.registry.words import encode_word, plain, wanted_words, words_of, words_of_claim


def test_words_are_letters_and_digits_folded() -> None:
    assert words_of("Low-Rank (LoRA), Café_2021!") == ["low", "rank", "lora", "cafe", "2021"]
    assert words_of("\"' * : ^ AND-OR { } -- ; %") == ["and", "or"]
    assert words_of("ﬁne Straße") == ["fine", "strasse"]
    assert words_of("x" * 100) == ["x" * 64]


def test_a_search_wants_each_word_once_and_not_too_many() -> None:
    assert wanted_words("a b a B") == ["a", "b"]
    assert len(wanted_words(" ".join(map(str, range(100))))) == 32


def test_every_word_is_ascii_in_an_index_and_beginnings_stay_beginnings() -> None:
    whole, begun = encode_word("適応"), encode_word("適")
    assert whole.isascii() and whole.isalnum()
    assert whole.startswith(begun)
    assert encode_word("lora") == "lora"


def test_a_claim_is_found_by_id_statement_tags_and_titles(make: Any) -> None:
    source = {
        "ordinal": 1,
        "type": "docs",
        "publisher": "P",
        "title": "Zebra",
        "url": "https://x.y",
    }
    claim = make.claim("LoRA", tags=["fine-tuning"], sources=[source])
    assert {claim.id, "lora", "introduced", "tuning", "zebra"} <= set(words_of_claim(claim))


def test_what_no_record_can_hold_is_plain_text_too() -> None:
    assert plain("a\0b\ud800c") == "a\ufffdb?c"
    assert plain("適応") == "適応"
