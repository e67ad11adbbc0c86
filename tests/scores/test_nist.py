from __future__ import annotations

import math
from typing import Any

import pytest

from verilora.scores.nist import BETA, nist


def test_it_is_the_challenges_own(vectors: dict[str, Any]) -> None:
    found = nist(vectors["texts"], vectors["references"])
    assert found == pytest.approx(vectors["official"]["NIST"], abs=1e-9)


def test_by_hand() -> None:
    # Reference words: 4, of which "a" twice. info(a) = log2(4 / 2) = 1, info(b) = log2(4 / 1) = 2,
    # info(a b) = log2(2 / 1) = 1. Written: 2 words, 1 pair; of 4 words.
    wanted = ((1 + 2) / 2 + 1 / 1) * math.exp(-BETA * math.log(2 / 4) ** 2)
    assert nist(["a b"], [["a b c a"]]) == pytest.approx(wanted)


def test_two_thirds_of_the_length_halve_the_score() -> None:
    whole, part = nist(["a b c"], [["a b c"]]), nist(["a b"], [["a b c"]])
    # Three words and two of them tell the same per word; the pairs tell nothing here.
    assert whole == pytest.approx(math.log2(3))
    assert part == pytest.approx(whole / 2)


def test_nothing_written_is_nothing() -> None:
    assert nist([""], [["a b"]]) == 0.0
    assert nist(["x y z"], [["a b"]]) == 0.0
