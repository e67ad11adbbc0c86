from __future__ import annotations

import math
from typing import Any

import pytest

from verilora.scores.cider import cider


def test_it_is_the_challenges_own(vectors: dict[str, Any]) -> None:
    found = cider(vectors["texts"], vectors["references"])
    assert found == pytest.approx(vectors["official"]["CIDEr"], abs=1e-9)


def test_the_very_references_score_ten() -> None:
    texts = ["a b c d e", "f g h i j"]
    assert cider(texts, [[text] for text in texts]) == pytest.approx(10.0)


def test_words_that_all_texts_have_count_nothing() -> None:
    assert cider(["the a", "the b"], [["the c"], ["the d"]]) == 0.0
    assert cider(["a"], [["a"]]) == 0.0  # one text: nothing is rarer than anything


def test_by_hand() -> None:
    # Two texts. "a" and "b" are each in one group (ln 2). The first text has of "a b" the word a,
    # so that the unigrams' cosine is 1 / sqrt 2; one bigram is missing: exp(-1 / 72).
    wanted = 10 / 2 * math.exp(-1 / 72) * (1 / math.sqrt(2)) / 4
    assert cider(["a", "x"], [["a b"], ["y z"]]) == pytest.approx(wanted)


def test_another_length_is_punished() -> None:
    refs = [["a b c d"], ["w x y z"]]
    once, longer = cider(["a b c d", "w"], refs), cider(["a b c d " + "q " * 12, "w"], refs)
    assert longer < once / 5
