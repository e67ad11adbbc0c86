from __future__ import annotations

from typing import Any

import pytest

from verilora.scores.words import words_of


def test_the_words_are_those_of_the_treebank_tokenizer(vectors: dict[str, Any]) -> None:
    assert [words_of(text) for text in vectors["sentences"]] == vectors["words"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The Café isn't family-friendly.", "the café is n't family-friendly"),
        ("It's £20-25, or £ 30.99!", "it 's # 20-25 or # 30.99"),
        ("St. John's Rd.", "st. john 's rd."),
        ("We cannot go ... (yet)", "we can not go -lrb- yet -rrb-"),
        ("", ""),
        ("?!, - --", ""),
    ],
)
def test_single_texts(text: str, words: str) -> None:
    assert words_of(text) == words.split()
