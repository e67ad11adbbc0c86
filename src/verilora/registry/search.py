"""Search for claims by their words. What is asked is words alone: no search syntax gets through.

First come the claims with all words, the last of which may be a beginning; then those with some.
Of a word that very many claims hold, the newest are looked at, so that a search stays quick.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import Connection, text

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
Candidate = tuple[int, int]
"""(words that a claim holds, its place in the log)."""
# What holds the words comes first, then what else is asked of it: the other way round a database
# would walk through all claims. Hence the order of a CROSS JOIN, which SQLite keeps.
_ASKING = {
    "sqlite": Question(
        text(
            "SELECT claims.length, claims.sequence FROM search "
            "CROSS JOIN claims ON claims.sequence = search.rowid "
            "WHERE search MATCH :asked AND claims.is_current AND claims.confidence >= :least "
            "ORDER BY search.rowid DESC LIMIT :count"
        )
    ),
    "postgresql": Question(
        text(
            "SELECT claims.length, claims.sequence FROM search "
            "JOIN claims ON claims.sequence = search.sequence "
            "WHERE search.words @@ CAST(:asked AS tsquery) AND claims.is_current "
            "AND claims.confidence >= :least ORDER BY search.sequence DESC LIMIT :count"
        )
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
    for candidates in _candidates(connection, words, least=min_confidence):
        # The shorter first, as words weigh more in them.
        found |= {sequence: None for _, sequence in sorted(candidates)}
        if len(found) >= limit:
            break
    views = read_listed(connection, list(found)[: limit + limit // 2])
    placed = sorted((_placed(view, words) for view in views), key=lambda one: one[0])
    return tuple(hit for _, hit in placed[:limit])


def _candidates(
    connection: Connection, words: Sequence[str], *, least: float
) -> Iterator[Iterable[Candidate]]:
    """Claims that match, in steps from the narrowest question to the widest."""
    if not words:
        return
    whole, begun, every = _QUOTED[connection.dialect.name]

    def matching(asked: str, count: int) -> list[Candidate]:
        question = _ASKING[connection.dialect.name]
        return question.ask(connection, asked=asked, least=least, count=count)

    parts = [whole.format(encode_word(word)) for word in words]
    yield matching(every.join(parts), _WITH_ALL)
    last = begun.format(encode_word(words[-1]))
    if len(words[-1]) >= _SHORTEST_BEGINNING:
        yield matching(every.join([*parts[:-1], last]), _WITH_ALL)
    if len(words) > 1:
        yield {one for part in parts for one in matching(part, _WITH_ONE)}


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
