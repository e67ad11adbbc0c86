"""What records make of each other: standing, the current verdict, a paper's document, counts.

Each function sets what follows from the tables as they are, whatever stood there before, so that
admission one by one and `rebuild` come to the same rows.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select, update

from verilora.claims.notices import counts
from verilora.records.claim import Claim
from verilora.records.notice import Notice
from verilora.records.verdict import VerdictDocument
from verilora.registry import tables
from verilora.registry.incoming import UNCHECKED
from verilora.registry.project import Line, paper_of, target_of

ALL = ""
"""The tag that stands for every claim."""


@dataclass
class Touched:
    """What may have changed."""

    digests: set[str] = field(default_factory=set)
    """Of records whose notices, or own signature, are new."""
    tags: set[str] = field(default_factory=set)
    targets: set[str] = field(default_factory=set)
    papers: set[str] = field(default_factory=set)

    def add(self, line: Line) -> None:
        """Takes up what the record touches."""
        record = line.record
        if isinstance(record, Claim):
            self.tags.update((*record.tags, ALL))
        elif isinstance(record, VerdictDocument) and record.verdict is not None:
            self.targets.add(target_of(record.verdict, line.digest))
            paper = paper_of(record, record.verdict)
            self.papers.update([paper] if paper else [])
        elif isinstance(record, Notice):
            self.digests.add(line.digest)


def settle_touched(connection: Connection, touched: Touched) -> None:
    """Sets all that may have changed."""
    for digest in sorted(touched.digests):
        _settle_standing(connection, digest, touched=touched)
    for target in sorted(touched.targets):
        _settle_target(connection, target)
    for tag in sorted(touched.tags):
        _settle_tag(connection, tag)
    for paper in sorted(touched.papers):
        _settle_paper(connection, paper)


def _settle_standing(connection: Connection, digest: str, *, touched: Touched) -> None:
    """Sets a record's standing by its notices, and then that of what it is itself about."""
    records, notices = tables.records, tables.notices
    found = connection.execute(select(records).where(records.c.digest == digest)).first()
    if found is None:
        return
    standing, replaced_by = _standing_of(connection, found)
    connection.execute(
        update(records)
        .where(records.c.digest == digest)
        .values(standing=standing, replaced_by=replaced_by)
    )
    stands = standing in ("standing", "disputed")
    _settle_claim(connection, found.sequence, stands=stands, touched=touched)
    _settle_verdict(connection, digest, stands=stands, touched=touched)
    about = select(notices.c.about).where(notices.c.digest == digest)
    for other in connection.execute(about).scalars().all():
        # Digests of what a record is about are older than it: this comes to an end.
        _settle_standing(connection, other, touched=touched)


def _counts(notice: Row[Any], record: Row[Any]) -> bool:
    """By the rule of `verilora verify`."""
    # Without a check ids are hints, which anybody can write.
    keys = set() if notice.state == UNCHECKED else {*json.loads(notice.key_ids)}
    return counts(notice.state, keys, about=record.state, by={*json.loads(record.key_ids)})


def _standing_of(connection: Connection, record: Row[Any]) -> tuple[str, str | None]:
    """(standing, what took its place) by the notices about it, each of which gets its effect."""
    notices, records = tables.notices, tables.records
    query = (
        select(notices, records.c.state, records.c.key_ids, records.c.standing)
        .join(records, records.c.digest == notices.c.digest)
        .where(notices.c.about == record.digest)
        .order_by(notices.c.sequence)
    )
    made: dict[str, str | None] = {}
    for one in connection.execute(query).all():
        stands = one.standing in ("standing", "disputed")
        effect = stands and _counts(one, record)
        changed = update(notices).where(notices.c.digest == one.digest)
        connection.execute(changed.values(has_effect=effect))
        if effect:
            made[one.kind] = one.replacement
    if "retraction" in made:
        return "retracted", None
    if "supersession" in made:
        return "superseded", made["supersession"]
    return ("disputed" if "dispute" in made else "standing"), None


def _settle_claim(connection: Connection, sequence: int, *, stands: bool, touched: Touched) -> None:
    claims, claim_tags = tables.claims, tables.claim_tags
    for table in (claims, claim_tags):
        changed = update(table).where(table.c.sequence == sequence).values(is_current=stands)
        connection.execute(changed)
    query = select(claim_tags.c.tag).where(claim_tags.c.sequence == sequence)
    touched.tags.update((*connection.execute(query).scalars(), ALL))


def _settle_verdict(connection: Connection, digest: str, *, stands: bool, touched: Touched) -> None:
    verdicts = tables.verdicts
    connection.execute(update(verdicts).where(verdicts.c.digest == digest).values(stands=stands))
    query = select(verdicts.c.target, verdicts.c.arxiv_id).where(verdicts.c.digest == digest)
    for target, paper in connection.execute(query):
        touched.targets.add(target)
        touched.papers.update([paper] if paper else [])


def _settle_target(connection: Connection, target: str) -> None:
    """The newest POST of the best level that stands is current, and no other."""
    verdicts = tables.verdicts
    best = connection.execute(
        select(verdicts.c.sequence)
        .where(verdicts.c.target == target, verdicts.c.kind == "POST", verdicts.c.stands)
        .order_by(verdicts.c.level, verdicts.c.computed_at.desc(), verdicts.c.sequence.desc())
        .limit(1)
    ).scalar()
    mine = verdicts.c.target == target
    connection.execute(update(verdicts).where(mine).values(is_current=False))
    connection.execute(update(verdicts).where(verdicts.c.sequence == best).values(is_current=True))


def _settle_tag(connection: Connection, tag: str) -> None:
    tags, claim_tags = tables.tags, tables.claim_tags
    query = select(func.count()).where(tables.claims.c.is_current)
    if tag != ALL:
        query = select(func.count()).where(claim_tags.c.tag == tag, claim_tags.c.is_current)
    count = connection.execute(query).scalar_one()
    connection.execute(delete(tags).where(tags.c.tag == tag))
    if count:
        connection.execute(tags.insert().values(tag=tag, claims=count))


def _settle_paper(connection: Connection, arxiv_id: str) -> None:
    """The newest document that tells of the paper; rather one whose verdict stands."""
    verdicts, papers = tables.verdicts, tables.papers
    best = connection.execute(
        select(verdicts.c.digest)
        .where(verdicts.c.arxiv_id == arxiv_id)
        .order_by(
            verdicts.c.stands.desc(),
            verdicts.c.tells_of_paper.desc(),
            verdicts.c.sequence.desc(),
        )
        .limit(1)
    ).scalar_one()
    connection.execute(delete(papers).where(papers.c.arxiv_id == arxiv_id))
    connection.execute(papers.insert().values(arxiv_id=arxiv_id, digest=best))
