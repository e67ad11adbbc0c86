from __future__ import annotations

import math
from typing import Any

import pytest

from verilora.scores.bleu import bleu


def test_it_is_the_challenges_own(vectors: dict[str, Any]) -> None:
    found = bleu(vectors["texts"], vectors["references"])
    assert found == pytest.approx(100 * vectors["official"]["BLEU"], abs=1e-9)


def test_by_hand() -> None:
    # 4 of 6 words, 3 of 5 pairs, 2 of 4 triples, 1 of 3 quadruples; the nearer reference, of 7.
    text = "the cat sat on a sofa"
    refs = ["The cat sat on the mat today", "a dog"]
    wanted = 100 * math.exp(1 - 7 / 6) * (5 / 6 * 3 / 5 * 2 / 4 * 1 / 3) ** 0.25
    assert bleu([text], [refs]) == pytest.approx(wanted)


def test_texts_may_have_any_number_of_references_and_case_is_nothing() -> None:
    same = ["A b c d e.", "f g h i j k"]
    assert bleu(same, [["x", "a B c d e ."], ["F g h i j k"]]) == pytest.approx(100.0)
    assert bleu(["a b c d"], [["w x y z"]]) == 0.0
