from __future__ import annotations

import itertools
import random

import pytest

from verilora.scores.align import align


@pytest.mark.parametrize(
    ("text", "other", "exact", "stems", "chunks"),
    # As METEOR 1.5's Java program counts with -m "exact stem" -ssOut.
    [
        ("the cat sat on the mat", "the cat sat on the mat", 6, 0, 1),
        ("the cats sat on the mat", "the cat sat on the mat", 5, 1, 1),
        ("mat the on sat cat the", "the cat sat on the mat", 6, 0, 6),
        ("a b c d", "a x c b y", 3, 0, 3),
        (
            "the eagle is near the river and the cafe",
            "near the cafe the eagle is by the river",
            *(8, 0, 4),
        ),
        ("a", "b", 0, 0, 0),
    ],
)
def test_counts(text: str, other: str, exact: int, stems: int, chunks: int) -> None:
    found = align(text.split(), other.split())
    assert (found.exact, found.stems, found.chunks) == (exact, stems, chunks)
    assert (found.words, found.others) == (len(text.split()), len(other.split()))


def test_no_alignment_has_more_matches_or_fewer_chunks() -> None:
    draw = random.Random(0)
    for _ in range(60):
        words = [draw.choice("abc") for _ in range(draw.randint(1, 5))]
        others = [draw.choice("abc") for _ in range(draw.randint(1, 5))]
        found = align(words, others)
        assert (-found.exact, found.chunks) == min(_all(words, others)), (words, others)


def _all(words: list[str], others: list[str]) -> list[tuple[int, int]]:
    """(-matches, chunks) of every alignment there is."""
    places = [*range(len(others)), *[None] * len(words)]
    found = []
    for chosen in set(itertools.permutations(places, len(words))):
        pairs = [(i, j) for i, j in enumerate(chosen) if j is not None]
        if all(words[i] == others[j] for i, j in pairs):
            there = set(pairs)
            chunks = sum((i - 1, j - 1) not in there for i, j in pairs)
            found.append((-len(pairs), chunks))
    return found
