from __future__ import annotations

from typing import Any

import pytest

from verilora.scores.meteor import meteor_exact_stem


@pytest.mark.parametrize(
    ("text", "ref", "wanted"),
    # As METEOR 1.5's Java program prints with -m "exact stem" -w "1.0 0.6" -p "0.85 0.2 0.6 0.5".
    [
        ("the cat sat on the mat", "the cat sat on the mat", 100.0),
        ("the cats sat on the mat", "the cat sat on the mat", 93.33333333333331),
        ("mat the on sat cat the", "the cat sat on the mat", 40.0),
        ("a b c d", "a x c b y", 24.742268041237114),
        (
            "the eagle is near the river and the cafe",
            "near the cafe the eagle is by the river",
            42.4595255130956,
        ),
        ("a", "b", 0.0),
    ],
)
def test_single_texts(text: str, ref: str, wanted: float) -> None:
    assert meteor_exact_stem([text], [[ref]]) == pytest.approx(wanted)


def test_the_score_is_that_of_the_sums_each_with_its_best_reference() -> None:
    # The five pairs above together, as the Java program prints its system score.
    texts = ["the cat sat on the mat", "the cats sat on the mat", "mat the on sat cat the"]
    texts += ["a b c d", "the eagle is near the river and the cafe"]
    refs = ["the cat sat on the mat"] * 3
    refs += ["a x c b y", "near the cafe the eagle is by the river"]
    wanted = 43.906038823023574
    assert meteor_exact_stem(texts, [[ref] for ref in refs]) == pytest.approx(wanted)
    assert meteor_exact_stem(texts, [["q", ref, "q r"] for ref in refs]) == pytest.approx(wanted)


def test_it_is_not_meteor(vectors: dict[str, Any]) -> None:
    found = meteor_exact_stem(vectors["texts"], vectors["references"])
    assert found < 100 * vectors["official"]["METEOR"]
