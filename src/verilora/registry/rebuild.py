"""All projections, made again from blobs and log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, select

from verilora.claims.envelope import open_envelope
from verilora.errors import RegistryError
from verilora.records.canonical import digest_bytes, digest_of
from verilora.registry import tables
from verilora.registry.batch import project
from verilora.registry.incoming import read_kept
from verilora.registry.project import Line, Rows

_LINES = 1000
"""Of the log that are in memory at once."""


def rebuild(connection: Connection) -> int:
    """Drops the projections and makes them again; the number of records.

    Checks each payload and envelope against its digest on the way; raises RegistryError if one
    has changed, and then nothing is.
    """
    tables.drop_projections(connection)
    tables.create_projections(connection)
    known: set[str] = set()
    for lines in _log(connection):
        rows, signed_again = Rows(), []
        for line in lines:
            if line.digest in known:
                signed_again.append(line.digest)
                continue
            known.add(line.digest)
            rows.add(_line_of(line))
        project(connection, rows, signed_again=signed_again)
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


def _line_of(row: Row[Any]) -> Line:
    envelope = bytes(row.envelope)
    changed = row.content is None or digest_bytes(bytes(row.content)) != row.digest
    if changed or digest_bytes(envelope) != row.envelope_digest:
        raise RegistryError(
            f"line {row.sequence} of the log does not agree with its digest {row.digest}: the "
            "database was changed by another hand, or is damaged; take it from a copy",
            digest=row.digest,
            sequence=row.sequence,
        )
    opened = open_envelope(envelope)
    kind, record = read_kept(opened)
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
