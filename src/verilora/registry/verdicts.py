"""Verdicts and the papers they are about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, func, or_, select

from verilora.records.verdict import Paper, VerdictDocument
from verilora.registry import tables
from verilora.registry.batch import entry_of
from verilora.registry.cursor import decode, decode_sequence, encode, page_of, refuse_limit
from verilora.registry.incoming import read_blob
from verilora.registry.read import read_notices, with_content
from verilora.registry.views import Page, PaperView, VerdictView
from verilora.registry.words import plain

verdicts, records, papers = tables.verdicts, tables.records, tables.papers


@dataclass(frozen=True)
class Filter:
    """Which verdicts are wanted; None is any."""

    status: str | None = None
    arxiv_id: str | None = None
    target: str | None = None
    kind: str | None = None
    current: bool | None = None

    @property
    def name(self) -> str:
        """Of the list, for its cursors."""
        return f"verdicts-{self.status}-{self.arxiv_id}-{self.target}-{self.kind}-{self.current}"

    def narrow(self, query: Select[Any]) -> Select[Any]:
        """The query with these conditions."""
        for column, value in (
            (verdicts.c.status, self.status),
            (verdicts.c.arxiv_id, self.arxiv_id),
            (verdicts.c.target, self.target),
            (verdicts.c.kind, self.kind),
            (verdicts.c.is_current, self.current),
        ):
            told = plain(value) if isinstance(value, str) else value
            query = query if told is None else query.where(column == told)
        return query


def read_verdict(connection: Connection, digest: str) -> VerdictView | None:
    """The verdict with this digest, of the payload or of the document."""
    same = or_(records.c.digest == digest, records.c.record_digest == digest)
    first = (records.c.digest == digest).desc()
    query = _query().where(same).order_by(first, verdicts.c.sequence.desc()).limit(1)
    views = _views(connection, connection.execute(query).all())
    return views[0] if views else None


def read_verdicts(
    connection: Connection, wanted: Filter, *, limit: int, cursor: str | None
) -> Page[VerdictView]:
    """Verdicts of both kinds, newest first, those that no longer stand with them."""
    refuse_limit(limit)
    before = decode_sequence(wanted.name, cursor)
    query = wanted.narrow(_query()).where(verdicts.c.sequence < before)
    rows = connection.execute(query.order_by(verdicts.c.sequence.desc()).limit(limit + 1)).all()
    return page_of(
        rows,
        limit,
        make=lambda some: _views(connection, some),
        cursor=lambda row: encode(wanted.name, row.sequence),
    )


def read_paper(connection: Connection, arxiv_id: str) -> PaperView | None:
    """The paper with this id of arXiv."""
    query = with_content(papers.c.arxiv_id).join(papers, papers.c.digest == records.c.digest)
    row = connection.execute(query.where(papers.c.arxiv_id == arxiv_id)).first()
    return _paper_of(connection, row) if row else None


def read_papers(connection: Connection, *, limit: int, cursor: str | None) -> Page[PaperView]:
    """Papers in the order of their ids, the newest first."""
    refuse_limit(limit)
    query = with_content(papers.c.arxiv_id).join(papers, papers.c.digest == records.c.digest)
    if cursor is not None:
        query = query.where(papers.c.arxiv_id < plain(decode("papers", cursor)))
    rows = connection.execute(query.order_by(papers.c.arxiv_id.desc()).limit(limit + 1)).all()
    return page_of(
        rows,
        limit,
        make=lambda some: [_paper_of(connection, row) for row in some],
        cursor=lambda row: encode("papers", row.arxiv_id),
    )


def _query() -> Select[Any]:
    columns = verdicts.c.target, verdicts.c.arxiv_id, verdicts.c.is_current
    return with_content(*columns).join(verdicts, verdicts.c.digest == records.c.digest)


def _views(connection: Connection, rows: Iterable[Row[Any]]) -> list[VerdictView]:
    listed = list(rows)
    notices = read_notices(connection, [row.digest for row in listed])
    made = []
    for row in listed:
        document = read_blob(row.content, VerdictDocument)
        if document.verdict is None:  # admission refuses such
            continue
        view = VerdictView(
            entry=entry_of(row),
            document=document,
            verdict=document.verdict,
            target=row.target,
            arxiv_id=row.arxiv_id,
            is_current=row.is_current,
            notices=notices.get(row.digest, ()),
        )
        made.append(view)
    return made


def _paper_of(connection: Connection, row: Row[Any]) -> PaperView:
    document = read_blob(row.content, VerdictDocument)
    mine = verdicts.c.arxiv_id == row.arxiv_id
    standing = select(func.count()).select_from(verdicts).where(mine, verdicts.c.stands)
    pre = _query().where(mine, verdicts.c.kind == "PRE", verdicts.c.stands)
    post = _query().where(mine, verdicts.c.is_current)
    found = [_newest(connection, query) for query in (post, pre)]
    return PaperView(
        arxiv_id=row.arxiv_id,
        paper=document.paper or Paper(arxiv_id=row.arxiv_id),
        version=document.latest_version,
        post=found[0],
        pre=found[1],
        verdicts=connection.execute(standing).scalar_one(),
    )


def _newest(connection: Connection, query: Select[Any]) -> VerdictView | None:
    order = verdicts.c.computed_at.desc(), verdicts.c.sequence.desc()
    views = _views(connection, connection.execute(query.order_by(*order).limit(1)).all())
    return views[0] if views else None
