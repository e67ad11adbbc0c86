"""ROUGE-L of captions: how long the longest common subsequence is, in points from 0 to 100."""

from __future__ import annotations

from collections.abc import Sequence

from verilora.scores.words import words_of

BETA = 1.2
"""How much more recall weighs than precision."""


def rouge_l(outputs: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Mean over the texts of F = (1 + β²) P R / (R + β² P), β = 1.2.

    P and R are the longest common subsequence over the length of the text and of a reference, each
    the best of all references: not of the same one, as the caption scorer has it (the package
    rouge-score, with β = 1 and stems, gives other numbers).
    Source: Lin 2004, aclanthology.org/W04-1013, section 3; Chen et al. 2015, arXiv:1504.00325.
    """
    each = [_score(text, refs) for text, refs in zip(outputs, references, strict=True)]
    return 100 * sum(each) / len(each)


def _score(text: str, refs: Sequence[str]) -> float:
    # A text without a word counts as one that matches nothing.
    words = words_of(text) or [""]
    others = [words_of(ref) or [""] for ref in refs]
    common = [_common(words, other) for other in others]
    precision = max(common) / len(words)
    recall = max(length / len(other) for length, other in zip(common, others, strict=True))
    if not precision or not recall:
        return 0.0
    return (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision)


def _common(words: Sequence[str], others: Sequence[str]) -> int:
    """The length of the longest common subsequence."""
    row = [0] * (len(others) + 1)
    for word in words:
        before = row
        row = [0]
        for place, other in enumerate(others):
            longer = before[place] + 1 if word == other else max(before[place + 1], row[place])
            row.append(longer)
    return row[-1]
