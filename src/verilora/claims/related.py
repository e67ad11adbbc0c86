"""Claims that share tags; a rare tag says more than a common one.

Pure: it takes an index of tags and answers from that alone. Ties are broken by id, so that the
answer depends on the claims and not on their order.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from typing import NamedTuple

from verilora.claims.duplicates import key_of
from verilora.records.claim import Claim


class Related(NamedTuple):
    """A claim's id, and the tags that it shares, the rarest first."""

    id: str
    shared: tuple[str, ...]

    def __str__(self) -> str:
        """ "shares 2 tags (lora, fine-tuning)"."""
        count = len(self.shared)
        return f"shares {count} tag{'' if count == 1 else 's'} ({', '.join(self.shared)})"


@dataclass(frozen=True)
class TagIndex:
    """What is known of many claims: which carry a tag, how many there are, which are one fact."""

    ids: Mapping[str, Set[str]]
    """Tag -> ids of the claims that carry it."""
    total: int
    alike: Mapping[str, Set[str]]
    """Key of `duplicates.key_of` -> ids of the claims that have it."""

    def weight(self, tag: str) -> float:
        """ln(1 + claims / claims that carry the tag): the rarer, the heavier; 0 if none does."""
        carriers = len(self.ids.get(tag, ()))
        return math.log1p(self.total / carriers) if carriers else 0.0


def index_of(claims: Iterable[Claim]) -> TagIndex:
    """The index of these claims; of two with the same id the later counts."""
    held = {claim.id: claim for claim in claims}
    ids: dict[str, set[str]] = {}
    alike: dict[str, set[str]] = {}
    for claim in held.values():
        alike.setdefault(key_of(claim), set()).add(claim.id)
        for tag in claim.tags:
            ids.setdefault(tag, set()).add(claim.id)
    return TagIndex(ids, len(held), alike)


def related(claim: Claim, index: TagIndex, *, limit: int = 5) -> list[Related]:
    """The claims that share most with this one, by the summed weight of the tags they share.

    Never itself, nor a duplicate of itself. Raises ValueError for a limit below 1.
    """
    if limit < 1:
        raise ValueError(f"limit is {limit}; at least 1 is wanted")
    weights = {tag: weight for tag in sorted(claim.tags) if (weight := index.weight(tag))}
    tags = sorted(weights, key=lambda tag: (-weights[tag], tag))
    hidden = {claim.id, *index.alike.get(key_of(claim), ())}
    hidden -= {other.id for other in claim.distinct_from}
    scores = _scores(tags, weights, index=index, hidden=hidden, limit=limit)
    best = heapq.nsmallest(limit, scores, key=lambda found: (-scores[found], found))
    return [Related(id_, tuple(tag for tag in tags if id_ in index.ids[tag])) for id_ in best]


def _scores(
    tags: list[str],
    weights: Mapping[str, float],
    *,
    index: TagIndex,
    hidden: Set[str],
    limit: int,
) -> dict[str, float]:
    """Id -> summed weight; ids that cannot come among the first `limit` may be left out."""
    scores: dict[str, float] = {}
    for place, tag in enumerate(tags):
        weight, carriers = weights[tag], index.ids[tag]
        rest = math.fsum(weights[other] for other in tags[place:])
        if _settled(scores, rest, limit=limit):
            for id_ in scores.keys() & carriers:
                scores[id_] += weight
            continue
        for id_ in carriers:
            if id_ not in hidden:
                scores[id_] = scores.get(id_, 0.0) + weight
    return scores


def _settled(scores: Mapping[str, float], rest: float, *, limit: int) -> bool:
    """True if a claim that has none of the tags so far cannot come among the first `limit`."""
    best = heapq.nlargest(limit, scores.values())
    return len(best) == limit and best[-1] > rest * (1 + 1e-9)
