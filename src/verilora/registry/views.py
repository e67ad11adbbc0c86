"""What is read from a registry: frozen, whole, without a thread back to the database.

`digest` is everywhere the digest of the signed payload, a record's identity in the registry.
`record_digest` is that of the record alone (its file), which other records name it by.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

from verilora.records.anchor import AnchorResult
from verilora.records.claim import Claim
from verilora.records.notice import Notice
from verilora.records.protocol import Level
from verilora.records.run import Run
from verilora.records.verdict import Paper, PaperVersion, Status, Verdict, VerdictDocument

Kind = Literal["claim", "verdict", "run", "notice", "anchors"]
"""Of the records that a registry takes in."""
Standing = Literal["standing", "disputed", "superseded", "retracted"]
"""What notices made of a record; the last two are no longer current."""
Item = TypeVar("Item")


@dataclass(frozen=True)
class Entry:
    """A signed record's place in the log."""

    sequence: int
    """1, 2, 3, ... in the order of admission."""
    digest: str
    record_digest: str
    kind: Kind
    admitted_at: str
    """UTC, as `2026-11-22T01:30:00.000000Z`."""
    state: str
    """Of the signature when it was admitted: "valid", "unknown-key", ...; "unchecked" where the
    registry was given no trust file."""
    key_ids: tuple[str, ...] = ()
    """Thumbprints of the keys whose signatures were found valid; hints where none was checked."""
    standing: Standing = "standing"
    replaced_by: str | None = None
    """Digest of what took its place, if it is superseded."""
    is_new: bool = field(default=False, compare=False)
    """True in the answer to an admission that wrote it."""


@dataclass(frozen=True)
class NoticeView:
    """What was said later about a record."""

    entry: Entry
    notice: Notice
    has_effect: bool
    """False where its signature is worse than that of the record it is about: shown, not obeyed."""


@dataclass(frozen=True)
class ClaimView:
    """A claim, with what has become of it."""

    entry: Entry
    claim: Claim
    last_verified: str
    """The newest of its own and that of its verdict: a moment in UTC."""
    notices: tuple[NoticeView, ...] = ()
    """Oldest first."""

    @property
    def id(self) -> str:
        """16 hex digits."""
        return self.claim.id

    @property
    def is_current(self) -> bool:
        """Neither retracted nor superseded."""
        return self.entry.standing in ("standing", "disputed")


@dataclass(frozen=True)
class VerdictView:
    """A verdict (POST) or a preregistration (PRE), with its place among those of its target."""

    entry: Entry
    document: VerdictDocument
    verdict: Verdict
    """The document's."""
    target: str
    """Equal for all verdicts on one number."""
    arxiv_id: str | None
    is_current: bool
    """The newest POST of the best level on its target that is neither retracted nor superseded."""
    notices: tuple[NoticeView, ...] = ()

    @property
    def status(self) -> Status:
        """As the document has it."""
        return self.verdict.status

    @property
    def level(self) -> Level | None:
        """How far the protocol matched."""
        return self.verdict.protocol_match


@dataclass(frozen=True)
class RunView:
    """A run."""

    entry: Entry
    run: Run
    verdicts: tuple[str, ...] = ()
    """Digests of the verdicts that name it."""
    notices: tuple[NoticeView, ...] = ()


@dataclass(frozen=True)
class PaperView:
    """A paper with what was found about it."""

    arxiv_id: str
    paper: Paper
    """As the newest document tells of it."""
    version: PaperVersion | None
    post: VerdictView | None
    """The newest current POST; None where there is none."""
    pre: VerdictView | None
    """The newest preregistration that stands."""
    verdicts: int
    """How many stand, of both kinds."""


@dataclass(frozen=True)
class AnchorView:
    """The latest result of an anchor."""

    entry: Entry
    result: AnchorResult


@dataclass(frozen=True)
class Tag:
    """A tag and how many current claims bear it."""

    name: str
    claims: int


@dataclass(frozen=True)
class SearchHit:
    """A current claim that a search found."""

    claim: ClaimView
    score: float
    """Share of the words searched for that the claim holds, from 0 to 1."""
    words: tuple[str, ...]
    """Those words."""


@dataclass(frozen=True)
class RelatedInShort:
    """As RelatedClaim, with no more of the claim than a line of a list says."""

    id: str
    statement: str
    confidence: float
    tags: tuple[str, ...]


@dataclass(frozen=True)
class RelatedClaim:
    """A current claim that shares tags with another."""

    claim: ClaimView
    tags: tuple[str, ...]
    """The shared ones, the rarest first."""

    @property
    def in_short(self) -> RelatedInShort:
        """Without its envelope, its notices and what it rests on."""
        held = self.claim.claim
        return RelatedInShort(held.id, held.statement, held.confidence, self.tags)


@dataclass(frozen=True)
class Page(Generic[Item]):
    """A part of a list; `next_cursor` is opaque, and None at the end."""

    items: tuple[Item, ...]
    next_cursor: str | None = None


@dataclass(frozen=True)
class Counts:
    """How much a registry holds."""

    records: int
    claims: int
    """Current ones, as in each of the following."""
    verdicts: int
    papers: int
    runs: int
    notices: int
