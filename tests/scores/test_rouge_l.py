from __future__ import annotations

from typing import Any

import pytest

from verilora.scores.rouge_l import rouge_l


def test_it_is_the_challenges_own(vectors: dict[str, Any]) -> None:
    found = rouge_l(vectors["texts"], vectors["references"])
    assert found == pytest.approx(100 * vectors["official"]["ROUGE_L"], abs=1e-9)


def test_lins_example() -> None:
    # Lin 2004, section 3.1: against "police killed the gunman", "police kill the gunman" has 3 of 4
    # words in order and "the gunman kill police" 2 of 4; both have P = R.
    ref = [["police killed the gunman"]]
    assert rouge_l(["police kill the gunman"], ref) == pytest.approx(75.0)
    assert rouge_l(["the gunman kill police"], ref) == pytest.approx(50.0)


def test_precision_and_recall_may_come_from_two_references() -> None:
    both = rouge_l(["a b c d"], [["a b c d e f g h", "a b"]])
    precision, recall = 1.0, 1.0  # 4 of 4 in the first, 2 of 2 in the second
    assert both == pytest.approx(100 * precision * recall)
    # One reference alone: P = 1, R = 1/2, F = 2.44 · 0.5 / (0.5 + 1.44).
    assert rouge_l(["a b c d"], [["a b c d e f g h"]]) == pytest.approx(122 / 1.94)


def test_nothing_in_common_is_nothing() -> None:
    assert rouge_l(["", "x"], [["a"], ["b"]]) == 0.0
