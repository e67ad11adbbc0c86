"""Claims that a new one may repeat, asked for before anything is signed or admitted."""

from __future__ import annotations

from sqlalchemy import or_, select

from verilora.claims.duplicates import key_of
from verilora.records.claim import Claim
from verilora.registry import tables
from verilora.registry.engine import connect, reading
from verilora.registry.incoming import read_blob


def claims_alike(claim: Claim, url: str | None = None) -> tuple[Claim, ...]:
    """Current claims of the registry at the URL that have this one's id, or tell the same fact of
    a subject with the same words. Oldest first. Raises RegistryError."""
    table = tables.claims
    same = or_(table.c.id == claim.id, table.c.fact == key_of(claim))
    query = (
        select(tables.blobs.c.content)
        .join(table, table.c.digest == tables.blobs.c.digest)
        .where(table.c.is_current, same)
        .order_by(table.c.sequence)
    )
    engine = connect(url)
    try:
        with reading(engine) as connection:
            return tuple(read_blob(found, Claim) for found in connection.execute(query).scalars())
    finally:
        engine.dispose()
