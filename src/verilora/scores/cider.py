"""CIDEr as the caption scorer computes it: likeness of tf-idf vectors, from 0 to 10."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from verilora.scores.words import words_of

LONGEST = 4
SIGMA = 6.0
"""Of the penalty on another length, in bigrams."""

Gram = tuple[str, ...]


@dataclass(frozen=True)
class Weighed:
    """A text's n-grams with their weights, apart for each n."""

    vectors: list[dict[Gram, float]]
    norms: list[float]
    bigrams: int


def cider(outputs: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Ten times the mean likeness of a text to its references, over n = 1 to 4, over the texts.

    n-grams are weighted by tf · ln(texts / texts with it in a reference). The likeness to one
    reference is Σ min(text, reference) · reference over the product of both norms, times
    exp(-(difference of lengths)² / (2 · 6²)); a length counts bigrams. With one text every weight
    is ln 1 = 0, and so is the score.
    This is the "CIDEr" of the caption scorer and of the E2E challenge: clipped, with a penalty on
    length, without stems; the paper's own has stems, and neither of the others.
    Source: Vedantam et al. 2015, arXiv:1411.5726, eq. 1 and section 6; Chen et al. 2015,
    arXiv:1504.00325.
    """
    written = [_grams(text) for text in outputs]
    allowed = [[_grams(ref) for ref in refs] for refs in references]
    frequency = Counter(gram for refs in allowed for gram in set[Gram]().union(*refs))
    rarity = {gram: math.log(len(written) / count) for gram, count in frequency.items()}
    unseen = math.log(len(written))
    each = []
    for text, refs in zip(written, allowed, strict=True):
        mine = _weighed(text, rarity, unseen=unseen)
        likeness = [_likeness(mine, _weighed(ref, rarity, unseen=unseen)) for ref in refs]
        each.append(sum(likeness) / len(likeness))
    return 10 * sum(each) / len(each)


def _grams(text: str) -> Counter[Gram]:
    words = words_of(text)
    return Counter(
        tuple(words[start : start + n])
        for n in range(1, LONGEST + 1)
        for start in range(len(words) - n + 1)
    )


def _weighed(grams: Counter[Gram], rarity: dict[Gram, float], *, unseen: float) -> Weighed:
    vectors: list[dict[Gram, float]] = [{} for _ in range(LONGEST)]
    for gram, count in grams.items():
        vectors[len(gram) - 1][gram] = count * rarity.get(gram, unseen)
    norms = [math.sqrt(sum(weight**2 for weight in vector.values())) for vector in vectors]
    return Weighed(vectors, norms, sum(count for gram, count in grams.items() if len(gram) == 2))


def _likeness(mine: Weighed, theirs: Weighed) -> float:
    total = 0.0
    for n in range(LONGEST):
        other, norms = theirs.vectors[n], mine.norms[n] * theirs.norms[n]
        if norms:
            dot = sum(
                min(weight, other[gram]) * other[gram]
                for gram, weight in mine.vectors[n].items()
                if gram in other
            )
            total += dot / norms
    penalty = math.exp(-((mine.bigrams - theirs.bigrams) ** 2) / (2 * SIGMA**2))
    return penalty * total / LONGEST
