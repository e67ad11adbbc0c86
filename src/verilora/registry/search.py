"""Search for claims by their words. What is asked is words alone: no search syntax gets through.

First come the claims with all words, the last of which may be a beginning; then those with some.
Of a word that very many claims hold, the newest are looked at, so that a search stays quick.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import Connection, select, text

from verilora.registry import tables
from verilora.registry.batch import batches
from verilora.registry.claims import read_listed
from verilora.registry.cursor import refuse_limit
from verilora.registry.views import ClaimView, SearchHit
from verilora.registry.words import encode_word, wanted_words, words_of, words_of_claim

MOST_HITS = 50
_WITH_ALL = 500
_WITH_ONE = 200
"""Claims that are looked at."""
_SHORTEST_BEGINNING = 3
_ASKING = {
    "sqlite": text(
        "SELECT rowid FROM search WHERE search MATCH :asked ORDER BY rowid DESC LIMIT :count"
    ),
    "postgresql": text(
        "SELECT sequence FROM search WHERE words @@ CAST(:asked AS tsquery) "
        "ORDER BY sequence DESC LIMIT :count"
    ),
}
_QUOTED = {"sqlite": ('"{}"', '"{}"*', " AND "), "postgresql": ("'{}'", "'{}':*", "&")}


def search(
    connection: Connection, asked: str, *, limit: int, min_confidence: float
) -> tuple[SearchHit, ...]:
    """Current claims that hold the words, at most `limit` (1 to 50) of them.

    Raises RegistryError for another limit. A text without a word finds nothing.
    """
    refuse_limit(limit, MOST_HITS)
    words = wanted_words(asked)
    found: dict[int, None] = {}
    for candidates in _candidates(connection, words):
        found |= dict.fromkeys(_wanted(connection, candidates, min_confidence=min_confidence))
        if len(found) >= limit:
            break
    views = read_listed(connection, list(found)[: limit * 2])
    hits = sorted((_hit(view, words) for view in views), key=lambda hit: _place(hit, words))
    return tuple(hits[:limit])


def _candidates(connection: Connection, words: Sequence[str]) -> Iterator[list[int]]:
    """Places of claims that match, in steps from the narrowest question to the widest."""
    if not words:
        return
    whole, begun, every = _QUOTED[connection.dialect.name]
    parts = [whole.format(encode_word(word)) for word in words]
    yield _matching(connection, every.join(parts), count=_WITH_ALL)
    last = begun.format(encode_word(words[-1]))
    if len(words[-1]) >= _SHORTEST_BEGINNING:
        yield _matching(connection, every.join([*parts[:-1], last]), count=_WITH_ALL)
    if len(words) > 1:
        yield _with_some(connection, parts)


def _with_some(connection: Connection, parts: Sequence[str]) -> list[int]:
    """Claims with one of the words or more, those with rare ones first."""
    weights: dict[int, float] = {}
    for part in parts:
        found = _matching(connection, part, count=_WITH_ONE)
        for sequence in found:
            weights[sequence] = weights.get(sequence, 0.0) + 1 / len(found)
    return sorted(weights, key=lambda sequence: (-weights[sequence], -sequence))


def _matching(connection: Connection, asked: str, *, count: int) -> list[int]:
    """The newest claims that match."""
    query = _ASKING[connection.dialect.name]
    return list(connection.execute(query, {"asked": asked, "count": count}).scalars())


def _wanted(
    connection: Connection, candidates: Iterable[int], *, min_confidence: float
) -> list[int]:
    """Those that are current and sure enough: the shorter first, as words weigh more in them."""
    claims, kept = tables.claims, []
    for some in batches(candidates):
        query = select(claims.c.length, claims.c.sequence).where(
            claims.c.sequence.in_(some),
            claims.c.is_current,
            claims.c.confidence >= min_confidence,
        )
        kept += map(tuple, connection.execute(query))
    return [sequence for _, sequence in sorted(kept)]


def _hit(view: ClaimView, words: Sequence[str]) -> SearchHit:
    there = set(words_of_claim(view.claim))
    found = [word for word in words if word in there]
    last = words[-1]
    begins = len(last) >= _SHORTEST_BEGINNING and any(one.startswith(last) for one in there)
    if last not in there and begins:
        found.append(last)
    return SearchHit(view, len(found) / len(words), tuple(found))


def _place(hit: SearchHit, words: Sequence[str]) -> tuple[float, int, int, str]:
    """More of the words, more of them in the subject, fewer others; then by id."""
    claim = hit.claim.claim
    subject = len(set(words_of(claim.subject)) & set(words))
    return -hit.score, -subject, len(words_of_claim(claim)), claim.id
