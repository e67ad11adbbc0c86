"""Finding quotes, values and headers in text that an extraction has bent."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verilora.verdict.folding import (
    find_quote,
    fold,
    spans_of_value,
    stands_in,
    table_text,
    value_forms,
    words_missing,
)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("a \n\t b", "a b"),
        ("ﬁne-\ntuning eﬃciency", "finetuning efficiency"),
        ("low\u00ad-rank", "lowrank"),
        ("89.7 ± .7", "89.7±.7"),
        ("−1.5 – 2", "-1.5 - 2"),
        ("RoBERTa‑base", "RoBERTabase"),
        ("r=8 - q", "r=8 - q"),
        ("Case Kept", "Case Kept"),
    ],
)
def test_fold(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(st.text())
def test_folding_twice_changes_nothing_more(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("89.7", 1),
        ("89.7±.7 and 89.7.", 2),
        ("189.7 89.75 89.7.1 x89.7% (89.7)", 2),
        ("1,89.7 3.89.7", 0),
        ("89,7", 0),
    ],
)
def test_values_are_not_pieces_of_longer_numbers(text: str, count: int) -> None:
    assert len(spans_of_value(text, 89.7, decimals=1)) == count


def test_forms_of_a_value() -> None:
    assert value_forms(0.57, 2) == ("0.57", ".57")
    assert value_forms(-0.5, 1) == ("-0.5", "-.5")
    assert value_forms(90, 1) == ("90.0",)
    assert spans_of_value("MNLI .57", 0.57, decimals=2) == [(5, 8)]


def test_quotes_and_their_distance() -> None:
    text = "We adapt the en-\ncoder only. " + "x" * 300 + " It reaches 89.7 here. " + "y " * 30
    near = find_quote(text, "It reaches", value=89.7, decimals=1)
    assert (near.found, near.distance) == (True, 1)
    assert find_quote(text, "reaches 89.7", value=89.7, decimals=1).distance == 0
    far = find_quote(text, "We adapt the encoder", value=89.7, decimals=1)
    assert far.found
    assert far.distance is not None
    assert far.distance > 200
    assert not find_quote(text, "We adapt The encoder", value=89.7, decimals=1).found
    assert find_quote(text, "We adapt", value=12.3, decimals=1).distance is None
    assert not find_quote(text, "  ", value=89.7, decimals=1).found


@pytest.mark.parametrize(
    ("text", "quote", "found"),
    [
        ("these are unsupported claims", "supported claims", False),
        ("these are supported claims", "supported claims", True),
        ("non-equivalent methods", "equivalent methods", False),
        ("it is faster than any", "it is fast", False),
        ("an accuracy of 89.7 here", "an accuracy of 89", False),
        ("an accuracy of 89. Then", "an accuracy of 89", True),
        ("an accuracy of 89, then", "an accuracy of 89", True),
        ("0.57 points of it", "57 points of it", False),
        ("189 points of it", "89 points of it", False),
        ("(89 points of it)", "89 points of it", True),
        ("a rank (r=8) is", "(r=8)", True),
        ("89.7±.7 is", "89.7 ± .7", True),
        ("89.7±.75 is", "89.7 ± .7", False),
    ],
)
def test_a_quote_is_of_whole_words_and_numbers(text: str, quote: str, *, found: bool) -> None:
    assert find_quote(text, quote, value=None, decimals=0).found is found


def test_the_nearest_of_many_counts() -> None:
    text = "quote " + "z" * 500 + " 89.7 quote 89.7 " + "z" * 500 + " quote"
    assert find_quote(text, "quote", value=89.7, decimals=1).distance == 1


def test_a_common_quote_is_found_quickly() -> None:
    start = time.perf_counter()
    found = find_quote("e 1.0 " * 50_000, "e", value=1.0, decimals=1)
    assert (found.found, found.distance) == (True, 1)
    assert time.perf_counter() - start < 2


TEXT = "Intro. Table 1: Sizes. A 1 B 2 Table 2: Scores on MRPC; LoRA row 89.7 Table 3. Later 88.1"


def test_the_text_of_a_table_ends_where_others_begin() -> None:
    own = table_text(TEXT, "Table 2")
    assert own is not None
    assert "89.7" in own
    assert "88.1" not in own
    assert own.startswith("Table 1: Sizes")
    assert table_text(TEXT, "Table 9") is None
    assert table_text(TEXT, "Section 4") is None
    assert table_text("see Table 2 for more", "Table 2") is None


def test_headers() -> None:
    assert stands_in("lora Row", TEXT)
    assert stands_in("LoRArow", TEXT)
    assert not stands_in("LoRA column", TEXT)
    assert not stands_in("", TEXT)
    assert words_missing("RoBERTa-base + LoRA (r=8)", "RoBERTa base 89.7") == ("LoRA",)
    assert words_missing("MRPC dev accuracy", "MRPC") == ("dev", "accuracy")
