"""Claims: by id, as a list, by tag, and what is related to one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Select, and_, bindparam, func, or_, select

from verilora.records.claim import Claim
from verilora.registry import moments, tables
from verilora.registry.batch import batches, entry_of
from verilora.registry.carriers import Carriers
from verilora.registry.cursor import decode_sequence, encode, page_of, refuse_limit
from verilora.registry.incoming import read_blob
from verilora.registry.question import Question
from verilora.registry.read import read_notices, with_content
from verilora.registry.settle import ALL
from verilora.registry.views import ClaimView, Page, RelatedClaim, RelatedInShort, Tag

MOST = 50
"""Related claims that are shown."""
claims, claim_tags, records = tables.claims, tables.claim_tags, tables.records


_LONGEST = bindparam("most")


def _claims() -> Select[Any]:
    """Claims with all that a view is made of."""
    columns = claims.c.id, claims.c.verdict
    return with_content(*columns).join(claims, claims.c.digest == records.c.digest)


def _named(column: Column[str]) -> Question:
    """Of the claims that have this name the current one, else the newest."""
    order = claims.c.is_current.desc(), claims.c.sequence.desc()
    return Question(_claims().where(column == bindparam("name")).order_by(*order).limit(1))


def _listed(table: Any, *conditions: Any) -> Question:
    """Places of current claims before one, the newest first."""
    before = table.c.sequence < bindparam("before")
    query = select(table.c.sequence).where(table.c.is_current, before, *conditions)
    return Question(query.order_by(table.c.sequence.desc()).limit(_LONGEST))


_BY_ID, _BY_DIGEST = _named(claims.c.id), _named(claims.c.digest)
_VERSIONS = Question(
    _claims().where(claims.c.id == bindparam("id")).order_by(claims.c.sequence.desc())
)
_AT = Question(_claims(), among=claims.c.sequence)
_LISTED = _listed(claims)
_TAGGED = _listed(claim_tags, claim_tags.c.tag == bindparam("tag"))
_TAGS = Question(
    select(tables.tags)
    .where(tables.tags.c.tag != ALL)
    .order_by(tables.tags.c.claims.desc(), tables.tags.c.tag)
)


def read_claim(connection: Connection, name: str) -> ClaimView | None:
    """The current claim of an id, else its newest; or the claim of a payload's digest."""
    question = _BY_DIGEST if name.startswith("sha256:") else _BY_ID
    views = views_of(connection, question.ask(connection, name=name))
    return views[0] if views else None


def read_versions(connection: Connection, id_: str) -> tuple[ClaimView, ...]:
    """Every claim of an id, newest first, with those that are no longer current."""
    return tuple(views_of(connection, _VERSIONS.ask(connection, id=id_)))


def read_claims(
    connection: Connection, tag: str | None, *, limit: int, cursor: str | None
) -> Page[ClaimView]:
    """Current claims, newest first."""
    refuse_limit(limit)
    name = f"claims-{tag or 'all'}"
    asked: dict[str, Any] = {"before": decode_sequence(name, cursor), "most": limit + 1}
    if tag is None:
        found = _LISTED.ask(connection, **asked)
    else:
        found = _TAGGED.ask(connection, **asked, tag=tag)
    return page_of(
        [row.sequence for row in found],
        limit,
        make=lambda some: read_listed(connection, some),
        cursor=lambda sequence: encode(name, sequence),
    )


def read_listed(connection: Connection, sequences: Sequence[int]) -> list[ClaimView]:
    """The claims at these places of the log, in this order; those that are not there left out."""
    rows = {row.sequence: row for row in _AT.ask_among(connection, sequences)}
    return views_of(connection, [rows[place] for place in sequences if place in rows])


def read_tags(connection: Connection) -> tuple[Tag, ...]:
    """All tags, the most used first."""
    return tuple(Tag(row.tag, row.claims) for row in _TAGS.ask(connection))


def read_related(
    connection: Connection, view: ClaimView | None, *, carriers: Carriers, limit: int
) -> tuple[RelatedClaim, ...]:
    """Current claims that share tags with this one, by the rule of `claims.related`; none with
    None."""
    found = _shared(connection, view, carriers=carriers, limit=limit)
    views = read_listed(connection, list(found))
    return tuple(RelatedClaim(one, found[one.entry.sequence]) for one in views)


def read_related_in_short(
    connection: Connection, view: ClaimView, *, carriers: Carriers, limit: int
) -> tuple[RelatedInShort, ...]:
    """The same in short, in a third of the time."""
    found = _shared(connection, view, carriers=carriers, limit=limit)
    rows = {row.sequence: row for row in _AT.ask_among(connection, found)}
    said = [(json.loads(rows[place].content)["predicate"], found[place]) for place in found]
    return tuple(
        RelatedInShort(claim["id"], claim["statement"], claim["confidence"], tags)
        for claim, tags in said
    )


def _shared(
    connection: Connection, view: ClaimView | None, *, carriers: Carriers, limit: int
) -> dict[int, tuple[str, ...]]:
    """Place in the log -> the tags that are shared, the most related first."""
    refuse_limit(limit, MOST)
    if view is None or not view.claim.tags:
        return {}
    return {one.sequence: one.tags for one in carriers.related(connection, view, limit=limit)}


def views_of(connection: Connection, rows: Iterable[Any]) -> list[ClaimView]:
    """Views of rows of `_claims`, in their order."""
    listed = list(rows)
    notices = read_notices(connection, [row.digest for row in listed])
    verified = _verified(connection, {row.verdict for row in listed if row.verdict})
    made = []
    for row in listed:
        claim = read_blob(row.content, Claim)
        own = moments.read(claim.last_verified, row.admitted_at)
        newest = max(own, verified.get(row.verdict, own))
        made.append(ClaimView(entry_of(row), claim, newest, notices.get(row.digest, ())))
    return made


def _verified(connection: Connection, digests: set[str]) -> dict[str, str]:
    """Digest of a verdict -> when its number last came to that status, in verdicts that stand."""
    verdicts = tables.verdicts
    others = verdicts.alias("others")
    found: dict[str, str] = {}
    for some in batches(sorted(digests)):
        query = (
            select(records.c.digest, records.c.record_digest, func.max(others.c.computed_at))
            .join(verdicts, verdicts.c.digest == records.c.digest)
            .join(
                others,
                and_(
                    others.c.target == verdicts.c.target,
                    others.c.status == verdicts.c.status,
                    others.c.kind == "POST",
                    others.c.stands,
                ),
            )
            .where(or_(records.c.digest.in_(some), records.c.record_digest.in_(some)))
            .group_by(records.c.digest, records.c.record_digest)
        )
        for digest, record_digest, moment in connection.execute(query):
            for name in (digest, record_digest):
                found[name] = max(moment, found.get(name, moment))
    return found
