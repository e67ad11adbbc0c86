"""NIST of a whole set of texts: BLEU's n-grams, weighted by what they tell. No upper bound."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

LONGEST = 5
BETA = -math.log(0.5) / math.log(1.5) ** 2
"""Two thirds of the references' length halves the score."""

Words = Sequence[str]


def nist(outputs: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Sum over n = 1 to 5 of the bits of matched n-grams per n-gram written, times a penalty.

    info(w1..wn) = log2(count(w1..wn-1) / count(w1..wn)) over all references; matches are clipped at
    the most that one reference has; the penalty is exp(-BETA ln²(min(1, written / mean length of
    the references))). Tokens as mteval-v13a, no regard to case.
    Where texts have different numbers of references this is what the E2E challenge's own script
    computes with -p; its Perl script pads the shorter lists with empty references.
    Source: Doddington 2002, "Automatic evaluation of machine translation quality using n-gram
    co-occurrence statistics", section 3.
    """
    tokens = Tokenizer13a()
    written = [tokens(text).lower().split() for text in outputs]
    allowed = [[tokens(text).lower().split() for text in refs] for refs in references]
    counts = _counts(allowed)
    gains = [0.0] * LONGEST
    totals = [0] * LONGEST
    for words, refs in zip(written, allowed, strict=True):
        for n in range(1, LONGEST + 1):
            gains[n - 1] += _gain(words, refs, n=n, counts=counts)
            totals[n - 1] += max(0, len(words) - n + 1)
    length = sum(sum(map(len, refs)) / len(refs) for refs in allowed)
    told = sum(gain / total for gain, total in zip(gains, totals, strict=True) if total)
    return told * _penalty(totals[0], length)


def _gain(words: Words, refs: Sequence[Words], *, n: int, counts: Counter[Words]) -> float:
    """Bits of the n-grams of `words` that a reference has too."""
    most: Counter[Words] = Counter()
    for ref in refs:
        most |= _grams(ref, n)
    matched = _grams(words, n) & most
    return sum(
        times * math.log2(counts[gram[:-1]] / counts[gram]) for gram, times in matched.items()
    )


def _counts(references: Sequence[Sequence[Words]]) -> Counter[Words]:
    """How often each n-gram stands in the references; the empty one once for each word."""
    counts: Counter[Words] = Counter()
    for ref in (ref for refs in references for ref in refs):
        counts[()] += len(ref)
        for n in range(1, LONGEST + 1):
            counts.update(_grams(ref, n))
    return counts


def _grams(words: Words, n: int) -> Counter[Words]:
    return Counter(tuple(words[start : start + n]) for start in range(len(words) - n + 1))


def _penalty(written: int, length: float) -> float:
    if written == 0 or length == 0:
        return 0.0
    return math.exp(-BETA * math.log(min(1.0, written / length)) ** 2)
