"""Claims: by id, as a list, by tag, and what is related to one."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, func, or_, select

from verilora.claims.duplicates import key_of
from verilora.records.claim import Claim
from verilora.registry import moments, tables
from verilora.registry.batch import batches, entry_of
from verilora.registry.cursor import decode_sequence, encode, page_of, refuse_limit
from verilora.registry.incoming import read_blob
from verilora.registry.read import read_notices, with_content
from verilora.registry.settle import ALL
from verilora.registry.views import ClaimView, Page, RelatedClaim, Tag

MOST_CARRIERS = 500
"""Of a tag, those with the lowest ids, that are looked at for what is related."""
MOST = 50
"""Related claims that are shown."""
claims, claim_tags, records = tables.claims, tables.claim_tags, tables.records


def claim_query() -> Select[Any]:
    """Claims with all that a view is made of."""
    columns = claims.c.id, claims.c.verdict
    return with_content(*columns).join(claims, claims.c.digest == records.c.digest)


def read_claim(connection: Connection, name: str) -> ClaimView | None:
    """The current claim of an id, else its newest; or the claim of a payload's digest."""
    column = claims.c.digest if name.startswith("sha256:") else claims.c.id
    query = claim_query().where(column == name)
    order = claims.c.is_current.desc(), claims.c.sequence.desc()
    rows = connection.execute(query.order_by(*order).limit(1)).all()
    views = views_of(connection, rows)
    return views[0] if views else None


def read_versions(connection: Connection, id_: str) -> tuple[ClaimView, ...]:
    """Every claim of an id, newest first, with those that are no longer current."""
    query = claim_query().where(claims.c.id == id_).order_by(claims.c.sequence.desc())
    return tuple(views_of(connection, connection.execute(query).all()))


def read_claims(
    connection: Connection, tag: str | None, *, limit: int, cursor: str | None
) -> Page[ClaimView]:
    """Current claims, newest first."""
    refuse_limit(limit)
    name = f"claims-{tag or 'all'}"
    table = claims if tag is None else claim_tags
    wanted = select(table.c.sequence).where(
        table.c.is_current, table.c.sequence < decode_sequence(name, cursor)
    )
    if tag is not None:
        wanted = wanted.where(claim_tags.c.tag == tag)
    found = connection.execute(wanted.order_by(table.c.sequence.desc()).limit(limit + 1))
    return page_of(
        found.scalars().all(),
        limit,
        make=lambda some: read_listed(connection, some),
        cursor=lambda sequence: encode(name, sequence),
    )


def read_listed(connection: Connection, sequences: Sequence[int]) -> list[ClaimView]:
    """The claims at these places of the log, in this order."""
    rows = connection.execute(claim_query().where(claims.c.sequence.in_(sequences))).all()
    views = {view.entry.sequence: view for view in views_of(connection, rows)}
    return [views[sequence] for sequence in sequences]


def read_tags(connection: Connection) -> tuple[Tag, ...]:
    """All tags, the most used first."""
    tags = tables.tags
    query = select(tags).where(tags.c.tag != ALL).order_by(tags.c.claims.desc(), tags.c.tag)
    return tuple(Tag(row.tag, row.claims) for row in connection.execute(query))


def read_related(connection: Connection, id_: str, *, limit: int) -> tuple[RelatedClaim, ...]:
    """Current claims that share tags with the one of this id, by the rule of `claims.related`.

    Of a tag that very many bear, those with the lowest ids are candidates.
    """
    refuse_limit(limit, MOST)
    view = read_claim(connection, id_)
    if view is None or not view.claim.tags:
        return ()
    weights = _weights(connection, view.claim.tags)
    order = sorted(weights, key=lambda tag: (-weights[tag], tag))
    hidden = _hidden(connection, view.claim)
    shared = _shared(
        connection, _likely(connection, order, weights=weights, hidden=hidden), order=order
    )
    scores = {one: math.fsum(weights[tag] for tag in held) for one, held in shared.items()}
    best = sorted(scores, key=lambda one: (-scores[one], one))[:limit]
    # Put in order here: asked to, SQLite would walk through all claims in that order.
    query = claim_query().where(claims.c.is_current, claims.c.id.in_(best))
    rows = sorted(connection.execute(query), key=lambda row: row.sequence)
    views = {found.id: found for found in views_of(connection, rows)}
    return tuple(RelatedClaim(views[one], tuple(shared[one])) for one in best)


def views_of(connection: Connection, rows: Iterable[Row[Any]]) -> list[ClaimView]:
    """Views of rows of `claim_query`, in their order."""
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


def _weights(connection: Connection, held: Sequence[str]) -> dict[str, float]:
    """Tag -> its weight as `claims.related.TagIndex.weight` has it."""
    query = select(tables.tags).where(tables.tags.c.tag.in_([*held, ALL]))
    carriers = {row.tag: row.claims for row in connection.execute(query)}
    total = carriers.pop(ALL, 0)
    return {tag: math.log1p(total / count) for tag, count in carriers.items()}


def _hidden(connection: Connection, claim: Claim) -> set[str]:
    """Ids of the claim itself and of what tells the same fact."""
    query = select(claims.c.id).where(claims.c.fact == key_of(claim))
    hidden = set(connection.execute(query).scalars()) - {one.id for one in claim.distinct_from}
    return {claim.id, *hidden}


def _likely(
    connection: Connection, order: Sequence[str], *, weights: dict[str, float], hidden: set[str]
) -> list[str]:
    """Ids of the claims that may share most, some more than are shown."""
    scores: dict[str, float] = {}
    for tag in order:
        query = (
            select(claim_tags.c.id)
            .where(claim_tags.c.tag == tag, claim_tags.c.is_current)
            .order_by(claim_tags.c.id)
            .limit(MOST_CARRIERS)
        )
        for one in connection.execute(query).scalars():
            scores[one] = scores.get(one, 0.0) + weights[tag]
    likely = heapq.nsmallest(MOST * 2, scores, key=lambda one: (-scores[one], one))
    return [one for one in likely if one not in hidden]


def _shared(
    connection: Connection, ids: Sequence[str], *, order: Sequence[str]
) -> dict[str, list[str]]:
    """Id -> the tags that it shares, in the given order."""
    held: dict[str, set[str]] = {}
    for some in batches(ids):
        # All tags of the claims: asked for these alone, SQLite would walk through every bearer.
        query = select(claim_tags.c.id, claim_tags.c.tag).where(
            claim_tags.c.id.in_(some), claim_tags.c.is_current
        )
        for one, tag in connection.execute(query):
            held.setdefault(one, set()).add(tag)
    return {one: [tag for tag in order if tag in tags] for one, tags in held.items()}
