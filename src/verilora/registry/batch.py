"""The records of one transaction: doubles are found, lines written, projections follow."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import Column, Connection, Row, func, or_, select, update

from verilora.claims.duplicates import duplicate_fault, key_of, probable
from verilora.claims.notices import rank_of
from verilora.errors import AdmissionError
from verilora.records.claim import Claim
from verilora.registry import tables
from verilora.registry.incoming import UNCHECKED, Incoming, read_blob
from verilora.registry.project import Line, Rows
from verilora.registry.settle import Touched, settle_touched
from verilora.registry.views import Entry

_TOGETHER = 500
"""Keys in one question to the database."""


class Batch:
    """Takes records in; `entries` are the answers, in the order of what came."""

    def __init__(self, connection: Connection, admitted_at: str) -> None:
        self.connection = connection
        self.admitted_at = admitted_at
        self.entries: list[Entry] = []
        last = connection.execute(select(func.max(tables.log.c.sequence))).scalar()
        self._next = (last or 0) + 1

    def take(self, incoming: Sequence[Incoming]) -> AdmissionError | None:
        """Writes the records. At one that is refused it stops, and hands the error back."""
        # What a notice changes has to be written before the next claim is held against the rest.
        for _, some in groupby(incoming, key=lambda one: one.kind == "notice"):
            refused = self._take_alike(list(some))
            if refused is not None:
                return refused
        return None

    def _take_alike(self, incoming: Sequence[Incoming]) -> AdmissionError | None:
        connection = self.connection
        digests, sealed = [one.digest for one in incoming], [i.envelope_digest for i in incoming]
        there = set(rows_by(connection, tables.records.c.digest, keys=digests))
        seen = set(rows_by(connection, tables.log.c.envelope_digest, keys=sealed))
        claims = Alike(connection, [i.record for i in incoming if isinstance(i.record, Claim)])
        pieces, taken, refused = Pieces(), [], None
        for one in incoming:
            known = one.digest in there
            refused = None if known else claims.refusal(one)
            if refused is not None:
                break
            taken.append((one.digest, not known))
            if one.envelope_digest in seen:
                continue
            pieces.add(one, self._next, admitted_at=self.admitted_at, known=known)
            self._next += 1
            there.add(one.digest)
            seen.add(one.envelope_digest)
        pieces.write(connection)
        self._answer(taken)
        return refused

    def _answer(self, taken: Sequence[tuple[str, bool]]) -> None:
        found = rows_by(
            self.connection, tables.records.c.digest, keys=[digest for digest, _ in taken]
        )
        self.entries += [entry_of(found[digest], is_new=new) for digest, new in taken]


class Pieces:
    """What is to be written for some records of one batch."""

    def __init__(self) -> None:
        self.log: list[dict[str, Any]] = []
        self.blobs: list[dict[str, Any]] = []
        self.rows = Rows()
        self.signed_again: list[str] = []

    def add(self, one: Incoming, sequence: int, *, admitted_at: str, known: bool) -> None:
        """A line of the log; of a record that is new its bytes and rows too."""
        self.log.append(
            {
                "sequence": sequence,
                "digest": one.digest,
                "envelope_digest": one.envelope_digest,
                "envelope": one.envelope,
                "kind": one.kind,
                "admitted_at": admitted_at,
                "state": one.state,
                "key_ids": json.dumps(one.key_ids),
            }
        )
        if known:
            self.signed_again.append(one.digest)
            return
        self.blobs.append({"digest": one.digest, "content": one.payload})
        self.rows.add(
            Line(
                sequence=sequence,
                digest=one.digest,
                record_digest=one.record_digest,
                kind=one.kind,
                admitted_at=admitted_at,
                state=one.state,
                key_ids=one.key_ids,
                record=one.record,
            )
        )

    def write(self, connection: Connection) -> None:
        """Truth first, then what follows from it."""
        for table, rows in ((tables.blobs, self.blobs), (tables.log, self.log)):
            if rows:
                connection.execute(table.insert(), rows)
        project(connection, self.rows, signed_again=self.signed_again)


class Alike:
    """Current claims that some new ones may double: those there, and those that came before."""

    def __init__(self, connection: Connection, claims: Sequence[Claim]) -> None:
        self._by_key: dict[str, list[Claim]] = {}
        table = tables.claims
        for some in batches(claims):
            ids, facts = [claim.id for claim in some], [key_of(claim) for claim in some]
            query = (
                select(tables.blobs.c.content)
                .join(table, table.c.digest == tables.blobs.c.digest)
                .where(table.c.is_current, or_(table.c.id.in_(ids), table.c.fact.in_(facts)))
            )
            for content in connection.execute(query).scalars():
                self._add(read_blob(content, Claim))

    def refusal(self, one: Incoming) -> AdmissionError | None:
        """The error if it is a claim whose fact is there already; else it is taken up."""
        claim = one.record
        if not isinstance(claim, Claim):
            return None
        others = [*self._by_key.get(claim.id, ()), *self._by_key.get(key_of(claim), ())]
        fault = duplicate_fault(claim, others)
        if fault is None:
            self._add(claim)
            return None
        other = probable(claim, others)
        of = other.id if other else None
        return AdmissionError(f"not admitted: {fault}", digest=one.digest, of=of)

    def _add(self, claim: Claim) -> None:
        for key in (claim.id, key_of(claim)):
            self._by_key.setdefault(key, []).append(claim)


def project(connection: Connection, rows: Rows, *, signed_again: Sequence[str]) -> None:
    """Writes the rows of new records, and sets what follows from them and from new signatures."""
    rows.write(connection)
    touched = Touched()
    for line in rows.lines:
        touched.add(line)
    digests = [line.digest for line in rows.lines]
    touched.digests.update(rows_by(connection, tables.notices.c.about, keys=digests))
    for digest in dict.fromkeys(signed_again):
        _show_best(connection, digest)
        touched.digests.add(digest)
    settle_touched(connection, touched)


def rows_by(
    connection: Connection, column: Column[Any], *, keys: Sequence[str]
) -> dict[str, Row[Any]]:
    """Key -> a row of the column's table that has it there."""
    found: dict[str, Row[Any]] = {}
    for some in batches(keys):
        query = select(column.table).where(column.in_(some))
        found |= {getattr(row, column.name): row for row in connection.execute(query)}
    return found


def batches(keys: Iterable[Any]) -> Iterator[list[Any]]:
    """The keys in lists that fit into one question."""
    listed = list(keys)
    for start in range(0, len(listed), _TOGETHER):
        yield listed[start : start + _TOGETHER]


def entry_of(row: Row[Any], *, is_new: bool = False) -> Entry:
    """The entry in a row that holds the columns of `records`."""
    return Entry(
        sequence=row.sequence,
        digest=row.digest,
        record_digest=row.record_digest,
        kind=row.kind,
        admitted_at=row.admitted_at,
        state=row.state,
        key_ids=tuple(json.loads(row.key_ids)),
        standing=row.standing,
        replaced_by=row.replaced_by,
        is_new=is_new,
    )


def _show_best(connection: Connection, digest: str) -> None:
    """Of several envelopes around one payload the one with the best signature is shown."""
    log, records = tables.log, tables.records
    found = connection.execute(select(log).where(log.c.digest == digest)).all()
    best = min(found, key=_goodness)
    shown = {"shown": best.sequence, "state": best.state, "key_ids": best.key_ids}
    connection.execute(update(records).where(records.c.digest == digest).values(shown))


def _goodness(line: Row[Any]) -> tuple[int, bool, int]:
    """Orders envelopes: the better state, then one whose signer is known, then the older."""
    known = line.state != UNCHECKED and bool(json.loads(line.key_ids))
    return rank_of(line.state), not known, line.sequence
