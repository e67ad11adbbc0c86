"""Entries, envelopes and notices: what every kind of record has."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Row, Select, func, or_, select

from verilora.records.anchor import AnchorReport
from verilora.records.notice import Notice
from verilora.records.run import Run
from verilora.registry import tables
from verilora.registry.batch import batches, entry_of
from verilora.registry.cursor import decode_sequence, encode, page_of, refuse_limit
from verilora.registry.incoming import read_blob
from verilora.registry.settle import ALL
from verilora.registry.views import AnchorView, Counts, Entry, NoticeView, Page, RunView

records, blobs = tables.records, tables.blobs


def with_content(*columns: Any) -> Select[Any]:
    """All of `records`, the payload as `content`, and further columns."""
    return (
        select(records, blobs.c.content, *columns)
        .select_from(records)
        .join(blobs, blobs.c.digest == records.c.digest)
    )


def read_entry(connection: Connection, digest: str) -> Entry | None:
    """The entry with this digest, of the payload or of the record in it."""
    row = connection.execute(_named(select(records), digest)).first()
    return entry_of(row) if row else None


def read_entries(
    connection: Connection, kind: str | None, *, limit: int, cursor: str | None
) -> Page[Entry]:
    """Entries, newest first."""
    refuse_limit(limit)
    name = f"entries-{kind or 'all'}"
    query = select(records).where(records.c.sequence < decode_sequence(name, cursor))
    if kind is not None:
        query = query.where(records.c.kind == kind)
    rows = connection.execute(query.order_by(records.c.sequence.desc()).limit(limit + 1)).all()
    return page_of(
        rows,
        limit,
        make=lambda some: [entry_of(row) for row in some],
        cursor=lambda row: encode(name, row.sequence),
    )


def read_envelope(connection: Connection, digest: str) -> bytes | None:
    """The bytes of the best signed envelope of a record, as they came in."""
    log = tables.log
    joined = select(log.c.envelope).join(records, records.c.shown == log.c.sequence)
    found = connection.execute(_named(joined, digest)).scalar()
    return None if found is None else bytes(found)


def read_payload(connection: Connection, digest: str) -> bytes | None:
    """The bytes that were signed."""
    joined = select(blobs.c.content).join(records, records.c.digest == blobs.c.digest)
    found = connection.execute(_named(joined, digest)).scalar()
    return None if found is None else bytes(found)


def read_notices(
    connection: Connection, digests: Iterable[str]
) -> dict[str, tuple[NoticeView, ...]]:
    """Digest -> what was said about it, oldest first; nothing for those without notices."""
    notices = tables.notices
    found: dict[str, list[NoticeView]] = {}
    for some in batches(digests):
        query = (
            with_content(notices.c.about, notices.c.has_effect)
            .join(notices, notices.c.digest == records.c.digest)
            .where(notices.c.about.in_(some))
            .order_by(notices.c.sequence)
        )
        for row in connection.execute(query):
            notice = read_blob(row.content, Notice)
            view = NoticeView(entry_of(row), notice, row.has_effect)
            found.setdefault(row.about, []).append(view)
    return {about: tuple(views) for about, views in found.items()}


def read_run(connection: Connection, digest: str) -> RunView | None:
    """The run with this digest, of the payload or of its run.json."""
    query = _named(with_content(), digest).where(records.c.kind == "run")
    row = connection.execute(query).first()
    if row is None:
        return None
    named = tables.verdict_runs
    verdicts = connection.execute(
        select(named.c.verdict)
        .join(records, records.c.digest == named.c.verdict)
        .where(named.c.run.in_([row.digest, row.record_digest]))
        .order_by(records.c.sequence)
    ).scalars()
    notices = read_notices(connection, [row.digest]).get(row.digest, ())
    run = read_blob(row.content, Run)
    return RunView(entry_of(row), run, tuple(dict.fromkeys(verdicts)), notices)


def read_anchors(connection: Connection) -> tuple[AnchorView, ...]:
    """The newest result of each anchor in reports that stand, by name."""
    anchors = tables.anchors
    newest = (
        select(
            anchors.c.name,
            anchors.c.digest,
            func.row_number()
            .over(
                partition_by=anchors.c.name,
                order_by=(anchors.c.computed_at.desc(), records.c.sequence.desc()),
            )
            .label("place"),
        )
        .join(records, records.c.digest == anchors.c.digest)
        .where(records.c.standing.in_(["standing", "disputed"]))
        .subquery()
    )
    query = with_content(newest.c.name).join(newest, newest.c.digest == records.c.digest)
    rows = connection.execute(query.where(newest.c.place == 1).order_by(newest.c.name)).all()
    return tuple(_anchor_of(row) for row in rows)


def read_counts(connection: Connection) -> Counts:
    """How much there is."""
    verdicts = tables.verdicts
    current = select(tables.tags.c.claims).where(tables.tags.c.tag == ALL)

    def count(query: Select[Any]) -> int:
        return connection.execute(query).scalar_one()

    def kind(name: str) -> Select[Any]:
        return select(func.count()).select_from(records).where(records.c.kind == name)

    return Counts(
        records=count(select(func.count()).select_from(records)),
        claims=connection.execute(current).scalar() or 0,
        verdicts=count(select(func.count()).select_from(verdicts).where(verdicts.c.is_current)),
        papers=count(select(func.count()).select_from(tables.papers)),
        runs=count(kind("run")),
        notices=count(kind("notice")),
    )


def _named(query: Select[Any], digest: str) -> Select[Any]:
    """The newest record with this digest, that of the payload before that of the record."""
    same = or_(records.c.digest == digest, records.c.record_digest == digest)
    first = (records.c.digest == digest).desc()
    return query.where(same).order_by(first, records.c.sequence.desc()).limit(1)


def _anchor_of(row: Row[Any]) -> AnchorView:
    report = read_blob(row.content, AnchorReport)
    (result,) = (one for one in report.results if one.name == row.name)
    return AnchorView(entry_of(row), result)
