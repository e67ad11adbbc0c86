"""METEOR with the two of its four ways of matching that need no lexicon: equal words and stems."""

from __future__ import annotations

import re
from collections.abc import Sequence

from verilora.scores.align import Alignment, align
from verilora.scores.words import words_of

ALPHA, BETA, GAMMA = 0.85, 0.2, 0.6
"""Recall's share of the mean; how steep and how high the penalty on disorder is."""
STEM_WEIGHT = 0.6
"""Of a match by stem; an exact one counts 1."""
_APOSTROPHE = re.compile(r"([^\W\d_]?)'(?=[^\W\d_])")


def meteor_exact_stem(outputs: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """METEOR 1.5's formula without synonyms, paraphrases and function words, 0 to 100.

    (1 - γ (chunks / matches)^β) · P R / (α P + (1 - α) R), from the sums over all texts, each with
    the reference that it scores best against; a text equal to its reference has no chunk to be
    punished for. What the Java program gives for
    -m "exact stem" -w "1.0 0.6" -p "0.85 0.2 0.6 0.5". It is not METEOR, and lower.
    Source: Denkowski and Lavie 2014, aclanthology.org/W14-3348, section 2.
    """
    best = [_best(text, refs) for text, refs in zip(outputs, references, strict=True)]
    return 100 * _score(best)


def _best(text: str, refs: Sequence[str]) -> Alignment:
    words = _parts_of(text)
    found = [align(words, _parts_of(ref)) for ref in refs]
    return max(found, key=lambda one: _score([one]))


def _parts_of(text: str) -> list[str]:
    """The words, cut again as METEOR's -norm does: at hyphens, slashes and apostrophes."""
    told = " ".join(words_of(text)).replace("-", " ").replace("/", " / ")
    return _APOSTROPHE.sub(lambda found: f"{found[1]} '{'' if found[1] else ' '}", told).split()


def _score(alignments: Sequence[Alignment]) -> float:
    matches = sum(one.exact + one.stems for one in alignments)
    if not matches:
        return 0.0
    weight = sum(one.exact + STEM_WEIGHT * one.stems for one in alignments)
    precision = weight / sum(one.words for one in alignments)
    recall = weight / sum(one.others for one in alignments)
    mean = precision * recall / (ALPHA * precision + (1 - ALPHA) * recall)
    chunks = sum(_chunks(one) for one in alignments)
    return mean * (1 - GAMMA * (chunks / matches) ** BETA)


def _chunks(one: Alignment) -> int:
    whole = one.words == one.others == one.exact + one.stems
    return 0 if whole and one.chunks == 1 else one.chunks
