"""Entries, envelopes and notices: what every kind of record has."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, or_, select

from verilora.records.anchor import AnchorReport
from verilora.records.notice import Notice
from verilora.records.run import Run
from verilora.registry import tables
from verilora.registry.batch import entry_of
from verilora.registry.cursor import decode_sequence, encode, page_of, refuse_limit
from verilora.registry.incoming import read_blob
from verilora.registry.question import Question
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


def named(query: Select[Any]) -> Question:
    """The newest record with a digest, that of the payload before that of the record."""
    digest = bindparam("digest")
    same = or_(records.c.digest == digest, records.c.record_digest == digest)
    first = (records.c.digest == digest).desc()
    return Question(query.where(same).order_by(first, records.c.sequence.desc()).limit(1))


def _count(table: Any, *conditions: Any) -> Any:
    return select(func.count()).select_from(table).where(*conditions).scalar_subquery()


_NEWEST = Question(select(func.max(tables.log.c.sequence)))
_ENTRY = named(select(records))
_ENVELOPE = named(
    select(tables.log.c.envelope).join(records, records.c.shown == tables.log.c.sequence)
)
_PAYLOAD = named(select(blobs.c.content).join(records, records.c.digest == blobs.c.digest))
_RUN = named(with_content().where(records.c.kind == "run"))
_NOTICES = Question(
    with_content(tables.notices.c.about, tables.notices.c.has_effect).join(
        tables.notices, tables.notices.c.digest == records.c.digest
    ),
    among=tables.notices.c.about,
)
_COUNTS = Question(
    select(
        _count(records).label("records"),
        select(tables.tags.c.claims).where(tables.tags.c.tag == ALL).scalar_subquery(),
        _count(tables.verdicts, tables.verdicts.c.is_current).label("verdicts"),
        _count(tables.papers).label("papers"),
        _count(records, records.c.kind == "run").label("runs"),
        _count(records, records.c.kind == "notice").label("notices"),
    )
)


def read_newest(connection: Connection) -> int:
    """The number of the log's last line, 0 without any."""
    return _NEWEST.ask(connection)[0][0] or 0


def read_entry(connection: Connection, digest: str) -> Entry | None:
    """The entry with this digest, of the payload or of the record in it."""
    rows = _ENTRY.ask(connection, digest=digest)
    return entry_of(rows[0]) if rows else None


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
    rows = _ENVELOPE.ask(connection, digest=digest)
    return bytes(rows[0].envelope) if rows else None


def read_payload(connection: Connection, digest: str) -> bytes | None:
    """The bytes that were signed."""
    rows = _PAYLOAD.ask(connection, digest=digest)
    return bytes(rows[0].content) if rows else None


def read_notices(
    connection: Connection, digests: Iterable[str]
) -> dict[str, tuple[NoticeView, ...]]:
    """Digest -> what was said about it, oldest first; nothing for those without notices."""
    found: dict[str, list[NoticeView]] = {}
    rows = _NOTICES.ask_among(connection, digests)
    for row in sorted(rows, key=lambda row: row.sequence):
        notice = read_blob(row.content, Notice)
        view = NoticeView(entry_of(row), notice, bool(row.has_effect))
        found.setdefault(row.about, []).append(view)
    return {about: tuple(views) for about, views in found.items()}


def read_run(connection: Connection, digest: str) -> RunView | None:
    """The run with this digest, of the payload or of its run.json."""
    rows = _RUN.ask(connection, digest=digest)
    if not rows:
        return None
    row = rows[0]
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
    (found,) = _COUNTS.ask(connection)
    return Counts(*(count or 0 for count in found))


def _anchor_of(row: Row[Any]) -> AnchorView:
    report = read_blob(row.content, AnchorReport)
    (result,) = (one for one in report.results if one.name == row.name)
    return AnchorView(entry_of(row), result)
