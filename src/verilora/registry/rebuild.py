"""All projections, made again from blobs and log."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, func, select

from verilora.claims.envelope import Opened, open_envelope
from verilora.errors import RegistryError
from verilora.records.canonical import digest_bytes, digest_of
from verilora.registry import tables
from verilora.registry.batch import project
from verilora.registry.incoming import read_kept
from verilora.registry.project import Line, Rows

_LINES = 1000
"""Of the log that are in memory at once."""


def rebuild(connection: Connection, *, listen: Callable[[int], None] | None = None) -> int:
    """Drops the projections and makes them again; the number of records.

    Checks on the way that the log has no gaps, and each payload and envelope against its digest and
    its line; raises RegistryError if one has changed, and then nothing is.
    """
    tables.drop_projections(connection)
    tables.create_projections(connection)
    known: set[str] = set()
    last = 0
    for lines in _log(connection):
        rows, signed_again = Rows(), []
        for line in lines:
            last = _following(line, last)
            opened = _opened(line)
            if line.digest in known:
                signed_again.append(line.digest)
                continue
            known.add(line.digest)
            rows.add(_line_of(line, opened))
        project(connection, rows, signed_again=signed_again)
        if listen is not None:
            listen(last)
    _refuse_loose(connection, len(known))
    return len(known)


def _log(connection: Connection) -> Iterator[list[Row[Any]]]:
    """The log with its blobs, some lines at a time, no notice beside another kind."""
    log, blobs, last = tables.log, tables.blobs, 0
    while True:
        query = (
            select(log, blobs.c.content)
            .join(blobs, blobs.c.digest == log.c.digest, isouter=True)
            .where(log.c.sequence > last)
            .order_by(log.c.sequence)
            .limit(_LINES)
        )
        lines = list(connection.execute(query))
        if not lines:
            return
        for _, some in groupby(lines, key=lambda line: line.kind == "notice"):
            yield list(some)
        last = lines[-1].sequence


def _following(line: Row[Any], last: int) -> int:
    """The line's number, which is the one after `last`."""
    if line.sequence != last + 1:
        raise _damaged(f"line {last + 1} of the log is not there", sequence=last + 1)
    return line.sequence


def _opened(line: Row[Any]) -> Opened:
    """The line's envelope, of the bytes that its digests say, around the payload that is kept."""
    envelope, payload = bytes(line.envelope), line.content
    changed = payload is None or digest_bytes(bytes(payload)) != line.digest
    if not changed and digest_bytes(envelope) == line.envelope_digest:
        opened = open_envelope(envelope)
        if opened.digest == line.digest:
            return opened
    raise _damaged(
        f"line {line.sequence} of the log does not agree with its digest {line.digest}",
        digest=line.digest,
        sequence=line.sequence,
    )


def _line_of(row: Row[Any], opened: Opened) -> Line:
    kind, record = read_kept(opened)
    if kind != row.kind:
        told = f"line {row.sequence} of the log says '{row.kind}', and its record is a {kind}"
        raise _damaged(told, digest=row.digest, sequence=row.sequence)
    return Line(
        sequence=row.sequence,
        digest=row.digest,
        record_digest=digest_of(opened.statement.predicate),
        kind=kind,
        admitted_at=row.admitted_at,
        state=row.state,
        key_ids=tuple(json.loads(row.key_ids)),
        record=record,
    )


def _refuse_loose(connection: Connection, lines: int) -> None:
    """Raises RegistryError if there are payloads that no line of the log names."""
    count = connection.execute(select(func.count()).select_from(tables.blobs)).scalar_one()
    if count != lines:
        raise _damaged(f"{count - lines} signed records are kept that no line of the log names")


def _damaged(what: str, **facts: Any) -> RegistryError:
    told = "the database was changed by another hand, or is damaged; take it from a copy"
    return RegistryError(f"{what}: {told}", **facts)
