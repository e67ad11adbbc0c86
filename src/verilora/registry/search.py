"""Search for claims by their words. What is asked is words alone: no search syntax gets through.

First come the claims with all words, the last of which may be a beginning; then those with some.
Of a word that very many claims hold, the newest are looked at, so that a search stays quick.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import Connection, bindparam, select, text

from verilora.registry import tables
from verilora.registry.claims import read_listed
from verilora.registry.cursor import refuse_limit
from verilora.registry.question import Question
from verilora.registry.views import ClaimView, SearchHit
from verilora.registry.words import encode_word, wanted_words, words_of, words_of_claim

MOST_HITS = 50
_WITH_ALL = 500
_WITH_ONE = 200
"""Claims that are looked at."""
_SHORTEST_BEGINNING = 3
_ASKING = {
    "sqlite": Question(
        text("SELECT rowid FROM search WHERE search MATCH :asked ORDER BY rowid DESC LIMIT :count")
    ),
    "postgresql": Question(
        text(
            "SELECT sequence FROM search WHERE words @@ CAST(:asked AS tsquery) "
            "ORDER BY sequence DESC LIMIT :count"
        )
    ),
}
_claims = tables.claims
_WANTED = Question(
    select(_claims.c.length, _claims.c.sequence).where(
        _claims.c.is_current, _claims.c.confidence >= bindparam("least")
    ),
    among=_claims.c.sequence,
)
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
    placed = sorted((_placed(view, words) for view in views), key=lambda one: one[0])
    return tuple(hit for _, hit in placed[:limit])


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
    rows = _ASKING[connection.dialect.name].ask(connection, asked=asked, count=count)
    return [sequence for (sequence,) in rows]


def _wanted(
    connection: Connection, candidates: Iterable[int], *, min_confidence: float
) -> list[int]:
    """Those that are current and sure enough: the shorter first, as words weigh more in them."""
    kept = _WANTED.ask_among(connection, candidates, least=min_confidence)
    return [sequence for _, sequence in sorted(kept)]


def _placed(view: ClaimView, words: Sequence[str]) -> tuple[tuple[float, int, int, str], SearchHit]:
    """The hit, and what it is sorted by: more of the words, more of them in the subject, fewer
    others; then by id."""
    held = words_of_claim(view.claim)
    there = set(held)
    found = [word for word in words if word in there]
    last = words[-1]
    if last not in there and len(last) >= _SHORTEST_BEGINNING:
        found += [last] if any(one.startswith(last) for one in there) else []
    hit = SearchHit(view, len(found) / len(words), tuple(found))
    subject = len(set(words_of(view.claim.subject)) & set(words))
    return (-hit.score, -subject, len(held), view.id), hit
