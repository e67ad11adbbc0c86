"""Search for claims by their words. What is asked is words alone: no search syntax gets through.

First come the claims with all words, then those with some; within these as the database ranks
them, and by their place in the log where it ranks them alike. The last word may be a beginning.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, select, text

from verilora.registry import tables
from verilora.registry.claims import read_listed
from verilora.registry.cursor import refuse_limit
from verilora.registry.views import ClaimView, SearchHit
from verilora.registry.words import wanted_words, words_of_claim

MOST_HITS = 50
_RANKED = {
    "sqlite": text(
        "SELECT rowid FROM search WHERE search MATCH :asked "
        "ORDER BY rank, rowid LIMIT :count OFFSET :skipped"
    ),
    "postgresql": text(
        "SELECT sequence FROM search, CAST(:asked AS tsquery) AS asked WHERE words @@ asked "
        "ORDER BY ts_rank(words, asked) DESC, sequence LIMIT :count OFFSET :skipped"
    ),
}
_QUOTED = {"sqlite": ('"{}"', '"{}"*', " AND ", " OR "), "postgresql": ("'{}'", "'{}':*", "&", "|")}


def search(
    connection: Connection, asked: str, *, limit: int, min_confidence: float
) -> tuple[SearchHit, ...]:
    """Current claims that hold the words, at most `limit` (1 to 50) of them.

    Raises RegistryError for another limit. A text without a word finds nothing.
    """
    refuse_limit(limit, MOST_HITS)
    words = wanted_words(asked)
    found: dict[int, None] = {}
    for joined in dict.fromkeys(_asked(connection.dialect.name, words)):
        for sequence in _matching(connection, joined, min_confidence=min_confidence):
            found.setdefault(sequence)
            if len(found) == limit:
                break
        if len(found) == limit:
            break
    hits = [_hit(view, words) for view in read_listed(connection, list(found))]
    return tuple(sorted(hits, key=lambda hit: -hit.score))


def _asked(dialect: str, words: Sequence[str]) -> Iterator[str]:
    """The question for all words, and that for any."""
    if not words:
        return
    whole, begun, every, any_ = _QUOTED[dialect]
    parts = [whole.format(word) for word in words[:-1]] + [begun.format(words[-1])]
    yield every.join(parts)
    yield any_.join(parts)


def _matching(connection: Connection, asked: str, *, min_confidence: float) -> Iterator[int]:
    """Places of the current claims that match, the best first."""
    claims, skipped, count = tables.claims, 0, MOST_HITS * 2
    while True:
        asking = {"asked": asked, "count": count, "skipped": skipped}
        ranked = connection.execute(_RANKED[connection.dialect.name], asking).scalars().all()
        query = select(claims.c.sequence).where(
            claims.c.sequence.in_(ranked),
            claims.c.is_current,
            claims.c.confidence >= min_confidence,
        )
        wanted = set(connection.execute(query).scalars())
        yield from (sequence for sequence in ranked if sequence in wanted)
        if len(ranked) < count:
            return
        skipped, count = skipped + count, min(count * 10, 10_000)


def _hit(view: ClaimView, words: Sequence[str]) -> SearchHit:
    held = words_of_claim(view.claim)
    there = set(held)
    found = [word for word in words if word in there]
    last = words[-1]
    if last not in there and any(word.startswith(last) for word in there):
        found.append(last)
    return SearchHit(view, len(found) / len(words), tuple(found))
