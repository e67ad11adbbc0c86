"""Which words of a text stand for which of a reference: METEOR's alignment, exact and by stem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import snowballstemmer

BEAM = 100
"""Partial alignments that are kept at each word."""
_STEM = snowballstemmer.stemmer("english").stemWord

Candidates = tuple[tuple[int, bool], ...]


@dataclass(frozen=True)
class Alignment:
    """Counts of matched words, and of the runs of words that lie side by side in both texts."""

    exact: int
    stems: int
    chunks: int
    words: int
    """Of the text."""
    others: int
    """Of the reference."""


@dataclass(frozen=True)
class _Partial:
    exact: int
    stems: int
    chunks: int
    distance: int
    used: int
    """Bit j: the reference's word j is taken."""
    last: int
    """The place matched to the word before, or -2 if it was not."""

    @property
    def order(self) -> tuple[int, int, int]:
        """Smaller is better: more weight, fewer chunks, nearer together."""
        return (-(5 * self.exact + 3 * self.stems), self.chunks, self.distance)


def align(words: Sequence[str], others: Sequence[str]) -> Alignment:
    """The alignment with the most matches; of those the one in the fewest chunks.

    A word matches one at most, its equal or, which counts 3/5, one with the same stem (Porter2).
    Looked for by a beam of 100 from left to right, which now and then finds a better one than the
    Java program's 40.
    Source: Denkowski and Lavie 2014, aclanthology.org/W14-3348, section 2.1.
    """
    candidates = _candidates(words, others)
    shared = _shared(candidates)
    wanted = _wanted_later(candidates)
    beam = [_Partial(0, 0, 0, 0, 0, -2)]
    for place, found in enumerate(candidates):
        grown = [one for p in beam for one in _grow(p, place, found=found, shared=shared[place])]
        kept: dict[tuple[int, int], _Partial] = {}
        # Of those that leave the same choice to the words to come only the best one counts.
        for one in sorted(grown, key=lambda one: one.order):
            kept.setdefault((one.used & wanted[place], one.last), one)
        beam = list(kept.values())[:BEAM]
    best = beam[0]
    return Alignment(best.exact, best.stems, best.chunks, len(words), len(others))


def _grow(partial: _Partial, place: int, *, found: Candidates, shared: bool) -> list[_Partial]:
    grown = [
        _Partial(
            partial.exact + exact,
            partial.stems + (not exact),
            partial.chunks + (other != partial.last + 1),
            partial.distance + abs(place - other),
            partial.used | 1 << other,
            other,
        )
        for other, exact in found
        if not partial.used >> other & 1
    ]
    if shared or not grown:
        # Only where another word may want the same place can it pay to leave this one out.
        skipped = (partial.exact, partial.stems, partial.chunks, partial.distance, partial.used)
        grown.append(_Partial(*skipped, -2))
    return grown


def _candidates(words: Sequence[str], others: Sequence[str]) -> list[Candidates]:
    """For each word the places it may stand for, and whether as its equal."""
    stems = [_STEM(other) for other in others]
    return [
        tuple(
            (place, word == other)
            for place, other in enumerate(others)
            if word == other or stem == stems[place]
        )
        for word, stem in ((word, _STEM(word)) for word in words)
    ]


def _wanted_later(candidates: Sequence[Candidates]) -> list[int]:
    """For each word the places, as bits, that a word after it may stand for."""
    wanted = [0]
    for found in reversed(candidates[1:]):
        wanted.append(wanted[-1] | sum(1 << place for place, _ in found))
    return wanted[::-1]


def _shared(candidates: Sequence[Candidates]) -> list[bool]:
    """Whether another word may stand for one of the same places."""
    places = [{place for place, _ in found} for found in candidates]
    wanted: dict[int, int] = {}
    for place in (place for found in places for place in found):
        wanted[place] = wanted.get(place, 0) + 1
    return [any(wanted[place] > 1 for place in found) for found in places]
