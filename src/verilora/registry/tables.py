"""The tables: two of truth, which the database itself keeps from being changed, and projections.

A projection holds nothing that blobs and log do not tell: `rebuild` drops and makes them again.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    inspect,
)

FORMAT = "verilora.registry/1"
truth = MetaData()
projections = MetaData()

about = Table("about", truth, Column("name", String, primary_key=True), Column("value", String))
blobs = Table(
    "blobs",
    truth,
    Column("digest", String, primary_key=True),
    Column("content", LargeBinary, nullable=False),
)
log = Table(
    "log",
    truth,
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("digest", String, nullable=False),
    Column("envelope_digest", String, nullable=False, unique=True),
    Column("envelope", LargeBinary, nullable=False),
    Column("kind", String, nullable=False),
    Column("admitted_at", String, nullable=False),
    Column("state", String, nullable=False),
    Column("key_ids", String, nullable=False),
)
Index("log_digest", log.c.digest)

records = Table(
    "records",
    projections,
    Column("digest", String, primary_key=True),
    Column("sequence", Integer, nullable=False, unique=True),
    Column("shown", Integer, nullable=False),
    Column("kind", String, nullable=False),
    Column("record_digest", String, nullable=False),
    Column("admitted_at", String, nullable=False),
    Column("state", String, nullable=False),
    Column("key_ids", String, nullable=False),
    Column("standing", String, nullable=False),
    Column("replaced_by", String, nullable=True),
)
"""`sequence` is of the first envelope with this payload, `shown` of the best signed one."""
Index("records_record_digest", records.c.record_digest)
Index("records_kind", records.c.kind, records.c.sequence)

claims = Table(
    "claims",
    projections,
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("digest", String, nullable=False, unique=True),
    Column("id", String, nullable=False),
    Column("fact", String, nullable=False),
    Column("confidence", Float, nullable=False),
    Column("length", Integer, nullable=False),
    Column("last_verified", String, nullable=False),
    Column("verdict", String, nullable=True),
    Column("is_current", Boolean, nullable=False),
)
Index("claims_id", claims.c.id)
Index("claims_fact", claims.c.fact)
# The column that tells little comes last: SQLite would take it first otherwise.
Index("claims_current", claims.c.sequence, claims.c.is_current)
claim_tags = Table(
    "claim_tags",
    projections,
    Column("tag", String, primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("id", String, nullable=False),
    Column("is_current", Boolean, nullable=False),
)
Index("claim_tags_sequence", claim_tags.c.sequence)
Index("claim_tags_id", claim_tags.c.id)
Index("claim_tags_current", claim_tags.c.tag, claim_tags.c.is_current, claim_tags.c.id)
tags = Table(
    "tags",
    projections,
    Column("tag", String, primary_key=True),
    Column("claims", Integer, nullable=False),
)
"""How many current claims bear each tag; under the empty name, how many there are at all."""
verdicts = Table(
    "verdicts",
    projections,
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("digest", String, nullable=False, unique=True),
    Column("kind", String, nullable=False),
    Column("status", String, nullable=False),
    Column("level", Integer, nullable=False),
    Column("computed_at", String, nullable=False),
    Column("arxiv_id", String, nullable=True),
    Column("target", String, nullable=False),
    Column("tells_of_paper", Boolean, nullable=False),
    Column("stands", Boolean, nullable=False),
    Column("is_current", Boolean, nullable=False),
)
"""`level` is 0 for exact, 3 for unknown; `computed_at` is never later than the admission."""
Index("verdicts_status", verdicts.c.status, verdicts.c.sequence)
Index("verdicts_paper", verdicts.c.arxiv_id, verdicts.c.sequence)
Index("verdicts_target", verdicts.c.target)
verdict_runs = Table(
    "verdict_runs",
    projections,
    Column("run", String, primary_key=True),
    Column("verdict", String, primary_key=True),
)
papers = Table(
    "papers",
    projections,
    Column("arxiv_id", String, primary_key=True),
    Column("digest", String, nullable=False),
)
notices = Table(
    "notices",
    projections,
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("digest", String, nullable=False, unique=True),
    Column("about", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("replacement", String, nullable=True),
    Column("has_effect", Boolean, nullable=False),
)
Index("notices_about", notices.c.about, notices.c.sequence)
anchors = Table(
    "anchors",
    projections,
    Column("name", String, primary_key=True),
    Column("digest", String, primary_key=True),
    Column("computed_at", String, nullable=False),
)

_GROWS_ONLY_ONCE = {
    # SQLite's REPLACE deletes the row in its way without asking the trigger for DELETE.
    "sqlite": [
        "CREATE TRIGGER blobs_no_REPLACE BEFORE INSERT ON blobs "
        "WHEN EXISTS (SELECT 1 FROM blobs WHERE digest = NEW.digest) "
        "BEGIN SELECT RAISE(ABORT, 'blobs only grows'); END",
        "CREATE TRIGGER log_no_REPLACE BEFORE INSERT ON log "
        "WHEN EXISTS (SELECT 1 FROM log WHERE sequence = NEW.sequence) "
        "OR EXISTS (SELECT 1 FROM log WHERE envelope_digest = NEW.envelope_digest) "
        "BEGIN SELECT RAISE(ABORT, 'log only grows'); END",
    ],
    "postgresql": [
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '%% only grows', TG_TABLE_NAME; END $$"
    ],
}
_GROWS_ONLY = {
    "sqlite": "CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table} "
    "BEGIN SELECT RAISE(ABORT, '{table} only grows'); END",
    "postgresql": "CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table} "
    "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
}
_VERBS = {"sqlite": ("UPDATE", "DELETE"), "postgresql": ("UPDATE", "DELETE", "TRUNCATE")}
_SEARCH = {
    "sqlite": [
        "CREATE VIRTUAL TABLE search USING fts5("
        "words, content='', detail='none', columnsize=0, prefix='3', tokenize='ascii')"
    ],
    "postgresql": [
        "CREATE TABLE search (sequence integer PRIMARY KEY, words tsvector NOT NULL)",
        "CREATE INDEX search_words ON search USING gin (words)",
    ],
}


def has_truth(connection: Connection) -> bool:
    """True if blobs and log are there."""
    return inspect(connection).has_table(log.name)


def create_truth(connection: Connection) -> bool:
    """Makes blobs and log where they are not, and what keeps them from change. True if it did."""
    if has_truth(connection):
        return False
    truth.create_all(connection)
    connection.execute(about.insert().values(name="format", value=FORMAT))
    dialect = connection.dialect.name
    for statement in _GROWS_ONLY_ONCE.get(dialect, ()):
        connection.exec_driver_sql(statement)
    for table in (blobs, log):
        for verb in _VERBS[dialect]:
            statement = _GROWS_ONLY[dialect].format(table=table.name, verb=verb)
            connection.exec_driver_sql(statement)
    return True


def create_projections(connection: Connection) -> None:
    """Makes all that can be made again, empty."""
    projections.create_all(connection, checkfirst=False)
    for statement in _SEARCH[connection.dialect.name]:
        connection.exec_driver_sql(statement)


def drop_projections(connection: Connection) -> None:
    """Drops what `create_projections` makes; blobs and log stay."""
    projections.drop_all(connection)
    connection.exec_driver_sql("DROP TABLE IF EXISTS search")
