"""A record as rows of the projections, as it comes in; what others make of it comes in settle.

Rows are gathered and written many at a time. A function of blobs and log alone.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Table, text

from verilora.claims.duplicates import key_of
from verilora.records.anchor import AnchorReport
from verilora.records.claim import Claim
from verilora.records.notice import Notice
from verilora.records.protocol import LEVELS
from verilora.records.verdict import Verdict, VerdictDocument
from verilora.registry import moments, tables
from verilora.registry.incoming import Admitted
from verilora.registry.words import encode_word, words_of_claim

_ARXIV = re.compile(r"([0-9]{4}\.[0-9]{4,5}|[a-z-]+(?:\.[A-Z]{2})?/[0-9]{7})(?:v[0-9]+)?")
_INSERT_WORDS = {
    "sqlite": text("INSERT INTO search (rowid, words) VALUES (:sequence, :words)"),
    "postgresql": text(
        "INSERT INTO search (sequence, words) "
        "VALUES (:sequence, array_to_tsvector(string_to_array(:words, ' ')))"
    ),
}


@dataclass(frozen=True)
class Line:
    """A line of the log with its record, the first with this payload."""

    sequence: int
    digest: str
    record_digest: str
    kind: str
    admitted_at: str
    state: str
    key_ids: tuple[str, ...]
    record: Admitted


@dataclass
class Rows:
    """What is to be written, and what is to be settled after it."""

    lines: list[Line] = field(default_factory=list)
    inserts: dict[Table, list[dict[str, Any]]] = field(default_factory=dict)
    words: list[dict[str, Any]] = field(default_factory=list)

    def add(self, line: Line) -> None:
        """Gathers the rows of a record."""
        self.lines.append(line)
        self._insert(
            tables.records,
            digest=line.digest,
            sequence=line.sequence,
            shown=line.sequence,
            kind=line.kind,
            record_digest=line.record_digest,
            admitted_at=line.admitted_at,
            state=line.state,
            key_ids=json.dumps(line.key_ids),
            standing="standing",
            replaced_by=None,
        )
        record = line.record
        if isinstance(record, Claim):
            self._add_claim(line, record)
        elif isinstance(record, VerdictDocument) and record.verdict is not None:
            self._add_verdict(line, record, verdict=record.verdict)
        elif isinstance(record, Notice):
            self._add_notice(line, record)
        elif isinstance(record, AnchorReport):
            for result in record.results:
                moment = moments.read(result.computed_at, line.admitted_at)
                self._insert(
                    tables.anchors, name=result.name, digest=line.digest, computed_at=moment
                )

    def write(self, connection: Connection) -> None:
        """Writes all that was gathered."""
        for table, rows in self.inserts.items():
            connection.execute(table.insert(), rows)
        if self.words:
            connection.execute(_INSERT_WORDS[connection.dialect.name], self.words)

    def _insert(self, table: Table, **row: Any) -> None:
        self.inserts.setdefault(table, []).append(row)

    def _add_claim(self, line: Line, claim: Claim) -> None:
        words = words_of_claim(claim)
        self._insert(
            tables.claims,
            sequence=line.sequence,
            digest=line.digest,
            id=claim.id,
            fact=key_of(claim),
            confidence=claim.confidence,
            length=len(words),
            last_verified=moments.read(claim.last_verified, line.admitted_at),
            verdict=claim.performance.verdict if claim.performance else None,
            is_current=True,
        )
        for tag in claim.tags:
            self._insert(
                tables.claim_tags, tag=tag, sequence=line.sequence, id=claim.id, is_current=True
            )
        told = " ".join(map(encode_word, dict.fromkeys(words)))
        self.words.append({"sequence": line.sequence, "words": told})

    def _add_verdict(self, line: Line, document: VerdictDocument, *, verdict: Verdict) -> None:
        self._insert(
            tables.verdicts,
            sequence=line.sequence,
            digest=line.digest,
            kind=verdict.kind,
            status=verdict.status,
            level=LEVELS.index(verdict.protocol_match or "unknown"),
            computed_at=moments.read(verdict.computed_at, line.admitted_at),
            arxiv_id=paper_of(document, verdict),
            target=target_of(verdict, line.digest),
            tells_of_paper=document.paper is not None,
            stands=True,
            is_current=False,
        )
        for run in dict.fromkeys((*(verdict.runs or ()), *(verdict.reference_runs or ()))):
            self._insert(tables.verdict_runs, run=run, verdict=line.digest)

    def _add_notice(self, line: Line, notice: Notice) -> None:
        self._insert(
            tables.notices,
            sequence=line.sequence,
            digest=line.digest,
            about=notice.about,
            kind=notice.kind,
            replacement=notice.by,
            has_effect=False,
        )


def paper_of(document: VerdictDocument, verdict: Verdict) -> str | None:
    """arXiv's id of the paper that a verdict is about, if it says; all versions are one paper.

    What is no such id names no paper: addresses and names of files are made of it.
    """
    cited = verdict.claim_citation.paper_arxiv_id if verdict.claim_citation else None
    named = (document.paper.arxiv_id if document.paper else None) or cited or ""
    found = _ARXIV.fullmatch(named)
    return found[1] if found else None


def target_of(verdict: Verdict, digest: str) -> str:
    """A key that all verdicts on one number share: paper, table, row, column and metric.

    Where the citation leaves one of the first four out, the plan's target; else the verdict alone.
    """
    cited = verdict.claim_citation
    places = (cited.paper_arxiv_id, cited.section, cited.row, cited.column) if cited else ()
    if cited and all(places):
        told = [*places, cited.reported_metric]
        return "|".join(" ".join(str(part or "").casefold().split()) for part in told)
    return verdict.plan.target if verdict.plan else digest
