"""Who bears which tag, kept in memory: what is related to a claim is found there, exactly.

A set of claims is an integer with a bit for each. Bits stand in the order of the claims' ids, those
that came in since the last sorting behind them; a set of 100,000 takes 12.5 kB, and what two have
in common a few microseconds. What the log has gained is taken up before each answer.
"""

from __future__ import annotations

import heapq
import itertools
import math
import sys
import threading
from array import array
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, func, or_, select

from verilora.registry import tables
from verilora.registry.question import Question
from verilora.registry.read import read_newest
from verilora.registry.settle import ALL
from verilora.registry.views import ClaimView

MOST_BYTES = 64 * 2**20
"""Of the sets that are kept; another is read again when it is asked for."""
FEWEST_LOOSE = 512
"""Claims that may stand behind the sorted ones at least; in a large registry a 64th of all."""
_NO_CLAIM = -1
claims, claim_tags, log = tables.claims, tables.claim_tags, tables.log
_since = bindparam("since")
_ALL = Question(select(claims.c.sequence, claims.c.id, claims.c.is_current))
_NEW = Question(
    select(claims.c.sequence, claims.c.id, claims.c.is_current)
    .where(claims.c.sequence > _since)
    .order_by(claims.c.sequence)
)
_NEW_TAGS = Question(
    select(claim_tags.c.tag, claim_tags.c.sequence).where(claim_tags.c.sequence > _since)
)
_GONE = Question(select(claims.c.sequence).where(~claims.c.is_current))
_BEARERS = Question(select(claim_tags.c.sequence).where(claim_tags.c.tag == bindparam("tag")))
_CHANGING = Question(
    select(func.count())
    .select_from(log)
    .join(tables.records, tables.records.c.digest == log.c.digest)
    .where(
        log.c.sequence > _since,
        or_(log.c.kind == "notice", tables.records.c.sequence != log.c.sequence),
    )
)
"""Lines that may change what became of other records: notices, and records signed again."""
_other = claims.alias("other")
_SAME = Question(
    select(_other.c.sequence, _other.c.id)
    .join(claims, claims.c.fact == _other.c.fact)
    .where(claims.c.sequence == bindparam("sequence"))
)


class Shared(NamedTuple):
    """A claim's place in the log, and the tags that it shares, the rarest first."""

    sequence: int
    tags: tuple[str, ...]


class Carriers:
    """The claims of one registry and their tags. Any thread may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._upto = 0
        self._places = array("i")
        self._sequences = array("i")
        self._ids: list[str] = []
        self._sorted = 0
        self._current = 0
        self._sets: dict[str, int] = {}
        self._bytes = 0
        self._counts: dict[str, int] = {}

    def related(self, connection: Connection, view: ClaimView, *, limit: int) -> list[Shared]:
        """The current claims that share most with this one, by the rule of `claims.related`."""
        with self._lock:
            newest = self._follow(connection)
            allowed = self._current & ~self._hidden(connection, view)
            sets = {
                tag: self._set_of(connection, tag, keep=newest) for tag in sorted(view.claim.tags)
            }
            weights = self._weights(sets, counts=self._counts if newest else {})
            order = sorted(weights, key=lambda tag: (-weights[tag], tag))
            groups = best_groups([(weights[tag], sets[tag]) for tag in order], allowed)
            return self._first(groups, order, limit=limit)

    def remember(self, connection: Connection, tags: Iterable[str]) -> None:
        """Reads who bears these tags, so that no later answer has to wait for it."""
        with self._lock:
            newest = self._follow(connection)
            for tag in tags:
                self._set_of(connection, tag, keep=newest)

    def _first(self, groups: Iterator[Group], order: Sequence[str], *, limit: int) -> list[Shared]:
        found: list[tuple[float, str, Shared]] = []
        for _, alike in itertools.groupby(groups, key=lambda group: group.score):
            same = list(alike)
            for group in same:
                tags = tuple(order[place] for place in group.shared)
                for place in self._lowest(group.members, limit):
                    shared = Shared(self._sequences[place], tags)
                    found.append((-group.score, self._ids[place], shared))
            if len({id_ for _, id_, _ in found}) >= limit:
                break
        best: dict[str, Shared] = {}
        for _, id_, shared in sorted(found):
            best.setdefault(id_, shared)
        return list(best.values())[:limit]

    def _lowest(self, members: int, count: int) -> list[int]:
        """The places of the members with the lowest ids."""
        loose = members >> self._sorted
        places = [self._sorted + place for place in _places_in(loose, None)]
        head = members ^ (loose << self._sorted)
        places += _places_in(head, count)
        return sorted(places, key=lambda place: self._ids[place])[:count]

    def _hidden(self, connection: Connection, view: ClaimView) -> int:
        """The claim itself and what tells the same fact."""
        distinct = {one.id for one in view.claim.distinct_from}
        rows = _SAME.ask(connection, sequence=view.entry.sequence)
        same = [row.sequence for row in rows if row.id not in distinct]
        return self._bits(same)

    def _weights(self, sets: dict[str, int], *, counts: dict[str, int]) -> dict[str, float]:
        """Tag -> its weight as `claims.related.TagIndex.weight` has it; fills `counts`."""
        for tag, held in {**sets, ALL: self._current}.items():
            if tag not in counts:
                counts[tag] = (held & self._current).bit_count()
        total = counts[ALL]
        return {tag: math.log1p(total / counts[tag]) for tag in sets if counts[tag]}

    def _set_of(self, connection: Connection, tag: str, *, keep: bool) -> int:
        held = self._sets.pop(tag, None)
        if held is None:
            rows = _BEARERS.ask(connection, tag=tag)
            held = self._bits(row.sequence for row in rows)
            if not keep:
                return held
            self._bytes += sys.getsizeof(held)
            while self._sets and self._bytes > MOST_BYTES:
                self._bytes -= sys.getsizeof(self._sets.pop(next(iter(self._sets))))
        self._sets[tag] = held
        return held

    def _bits(self, sequences: Iterable[int]) -> int:
        """The set of the claims at these places of the log; those not taken up are left out."""
        marks = bytearray(len(self._ids) // 8 + 1)
        known = len(self._places)
        for sequence in sequences:
            place = self._places[sequence] if sequence < known else _NO_CLAIM
            if place >= 0:
                marks[place >> 3] |= 1 << (place & 7)
        return int.from_bytes(marks, "little")

    def _follow(self, connection: Connection) -> bool:
        """Takes up what the log has gained. False if the connection sees an older state."""
        newest = read_newest(connection)
        if newest <= self._upto:
            return newest == self._upto
        since, self._upto = self._upto, newest
        self._counts = {}
        self._places.extend([_NO_CLAIM] * (newest + 1 - len(self._places)))
        loose = len(self._ids) - self._sorted
        rows = _NEW.ask(connection, since=since) if since else []
        if not since or loose + len(rows) > max(FEWEST_LOOSE, self._sorted // 64):
            self._load(connection)
            return True
        for row in rows:
            self._add(row)
        for row in _NEW_TAGS.ask(connection, since=since):
            if row.tag in self._sets:
                self._sets[row.tag] |= 1 << self._places[row.sequence]
        if _CHANGING.ask(connection, since=since)[0][0]:
            gone = self._bits(row.sequence for row in _GONE.ask(connection))
            self._current = ((1 << len(self._ids)) - 1) & ~gone
        return True

    def _load(self, connection: Connection) -> None:
        """All from the beginning, sorted."""
        self._sequences, self._ids, self._current = array("i"), [], 0
        self._sets, self._bytes = {}, 0
        current: list[int] = []
        for row in sorted(_ALL.ask(connection), key=itemgetter(1)):
            self._places[row.sequence] = len(self._ids)
            self._sequences.append(row.sequence)
            self._ids.append(row.id)
            current += [row.sequence] if row.is_current else []
        self._sorted = len(self._ids)
        self._current = self._bits(current)

    def _add(self, row: tuple[int, str, bool]) -> None:
        sequence, id_, is_current = row
        place = len(self._ids)
        self._places[sequence] = place
        self._sequences.append(sequence)
        self._ids.append(id_)
        self._current |= bool(is_current) << place


class Group(NamedTuple):
    """Claims that share the same of some tags."""

    score: float
    shared: tuple[int, ...]
    """Places of the tags in their order."""
    members: int


def best_groups(tags: Sequence[tuple[float, int]], allowed: int) -> Iterator[Group]:
    """All groups of the allowed that are not empty, by the sum of their tags' weights, the highest
    first; `tags` are (weight, bearers). Every claim with a tag is in one group."""
    weights = [weight for weight, _ in tags]
    numbers = itertools.count()
    waiting: list[tuple[float, int, tuple[int, ...], int, int]] = []

    def wait(members: int, shared: tuple[int, ...], *, place: int) -> None:
        if members:
            # Rounded once: then no sum is above that of more tags, and equal ones are equal.
            score = math.fsum([*weights[place:], *(weights[one] for one in shared)])
            heapq.heappush(waiting, (-score, next(numbers), shared, place, members))

    wait(allowed, (), place=0)
    while waiting:
        score, _, shared, place, members = heapq.heappop(waiting)
        if place < len(tags):
            bearers = members & tags[place][1]
            wait(bearers, (*shared, place), place=place + 1)
            wait(members ^ bearers, shared, place=place + 1)
        elif shared:
            yield Group(-score, shared, members)


def _places_in(members: int, most: int | None) -> list[int]:
    """The places of the lowest bits, at most so many."""
    places: list[int] = []
    passed = 0
    while members and (most is None or len(places) < most):
        step = (members & -members).bit_length()
        passed += step
        members >>= step
        places.append(passed - 1)
    return places
