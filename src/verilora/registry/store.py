"""The registry as one object: what goes in, and every way of reading it.

Each reading sees one state of the database, whole. May be used by several threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from sqlalchemy import Engine

from verilora.registry.admit import BATCH, admit_many
from verilora.registry.carriers import Carriers
from verilora.registry.claims import (
    read_claim,
    read_claims,
    read_related,
    read_related_in_short,
    read_tags,
    read_versions,
)
from verilora.registry.engine import connect, holding, reading, told, writing
from verilora.registry.incoming import Door
from verilora.registry.read import (
    read_anchors,
    read_counts,
    read_entries,
    read_entry,
    read_envelope,
    read_newest,
    read_notices,
    read_payload,
    read_run,
)
from verilora.registry.rebuild import rebuild
from verilora.registry.search import search
from verilora.registry.verdicts import Filter, read_paper, read_papers, read_verdict, read_verdicts
from verilora.registry.views import (
    AnchorView,
    ClaimView,
    Counts,
    Entry,
    NoticeView,
    Page,
    PaperView,
    RelatedClaim,
    RelatedInShort,
    RunView,
    SearchHit,
    Tag,
    VerdictView,
)
from verilora.registry.words import plain

LIMIT = 50


def open_registry(
    url: str | None = None, *, door: Door | None = None, make: bool = True
) -> Registry:
    """The registry at a URL (sqlite:///PATH, postgresql://…) or in a file, made if it is not there.

    None is the file in the user's data folder. `door` says what is asked of records that come in;
    without one every record of good form is admitted, and signatures are not checked. Raises
    RegistryError, also for a file that is not there unless it may `make` it; MissingExtraError.
    """
    return Registry(connect(url, make=make), door or Door())


class Registry:
    """Signed records: they are added, never changed, never deleted."""

    def __init__(self, engine: Engine, door: Door) -> None:
        self._engine = engine
        self._door = door
        self._carriers = Carriers()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes its connections."""
        self._engine.dispose()

    @property
    def url(self) -> str:
        """Where it is, without a password."""
        return told(self._engine.url)

    @property
    def is_file(self) -> bool:
        """True for SQLite: reading waits for nobody."""
        return self._engine.dialect.name == "sqlite"

    def newest(self) -> int:
        """The number of the log's last line, 0 without any. All that is read follows from the log:
        while this stays, so does everything else."""
        with reading(self._engine) as connection:
            return read_newest(connection)

    def at_once(self) -> AbstractContextManager[None]:
        """All that this thread reads within sees one state of the registry."""
        return holding(self._engine)

    def admit(self, envelope: bytes) -> Entry:
        """Takes a signed record in; once this returns it is kept. The same one again is no fault.

        Raises AdmissionError.
        """
        (entry,) = admit_many(self._engine, [envelope], door=self._door)
        return entry

    def admit_many(self, envelopes: Iterable[bytes], *, size: int = BATCH) -> Iterator[Entry]:
        """Takes many in, `size` in one transaction; each is kept once its entry is yielded.

        Raises AdmissionError (`position`, from 1) at the first that is refused; those before it
        stay.
        """
        return admit_many(self._engine, envelopes, door=self._door, size=size)

    def rebuild(self, *, listen: Callable[[int], None] | None = None) -> int:
        """Makes all but blobs and log again; the number of records. `listen` is told how many lines
        of the log are done. Raises RegistryError if a line does not agree with its digest."""
        with writing(self._engine) as connection:
            return rebuild(connection, listen=listen)

    def entry(self, digest: str) -> Entry | None:
        """By the digest of the payload, or that of the record in it."""
        with reading(self._engine) as connection:
            return read_entry(connection, plain(digest))

    def entries(
        self, kind: str | None = None, *, limit: int = LIMIT, cursor: str | None = None
    ) -> Page[Entry]:
        """All of one kind, or of every kind; newest first."""
        with reading(self._engine) as connection:
            return read_entries(
                connection, None if kind is None else plain(kind), limit=limit, cursor=cursor
            )

    def envelope(self, digest: str) -> bytes | None:
        """The envelope as it came in; of several around one payload the best signed."""
        with reading(self._engine) as connection:
            return read_envelope(connection, plain(digest))

    def payload(self, digest: str) -> bytes | None:
        """The bytes that were signed."""
        with reading(self._engine) as connection:
            return read_payload(connection, plain(digest))

    def notices(self, digest: str) -> tuple[NoticeView, ...]:
        """What was said about a record (by its payload's digest), oldest first."""
        with reading(self._engine) as connection:
            return read_notices(connection, [plain(digest)]).get(digest, ())

    def claim(self, name: str) -> ClaimView | None:
        """The current claim of an id, or its newest where none is current; or the claim with this
        digest of the payload."""
        with reading(self._engine) as connection:
            return read_claim(connection, plain(name))

    def versions(self, id: str) -> tuple[ClaimView, ...]:
        """Every claim of an id, newest first."""
        with reading(self._engine) as connection:
            return read_versions(connection, plain(id))

    def claims(
        self, tag: str | None = None, *, limit: int = LIMIT, cursor: str | None = None
    ) -> Page[ClaimView]:
        """Current claims, newest first."""
        with reading(self._engine) as connection:
            return read_claims(
                connection, None if tag is None else plain(tag), limit=limit, cursor=cursor
            )

    def tags(self) -> tuple[Tag, ...]:
        """Tags of current claims, the most used first."""
        with reading(self._engine) as connection:
            return read_tags(connection)

    def search(
        self, text: str, *, limit: int = 10, min_confidence: float = 0.0
    ) -> tuple[SearchHit, ...]:
        """Current claims that hold words of the text, at most 50. Raises RegistryError for a limit
        out of range."""
        with reading(self._engine) as connection:
            return search(connection, text, limit=limit, min_confidence=min_confidence)

    def related(self, claim: str | ClaimView, *, limit: int = 5) -> tuple[RelatedClaim, ...]:
        """Current claims that share tags with one, given by its id or as it was read; rare tags
        count more."""
        with reading(self._engine) as connection:
            known = isinstance(claim, ClaimView)
            view = claim if known else read_claim(connection, plain(claim))
            return read_related(connection, view, carriers=self._carriers, limit=limit)

    def related_in_short(self, claim: ClaimView, *, limit: int = 5) -> tuple[RelatedInShort, ...]:
        """As `related`, without what only a whole claim has."""
        with reading(self._engine) as connection:
            return read_related_in_short(connection, claim, carriers=self._carriers, limit=limit)

    def remember(self, *, tags: int) -> None:
        """Keeps who bears the most used tags in memory beforehand; `related` asks for it."""
        with reading(self._engine) as connection:
            names = [tag.name for tag in read_tags(connection)[:tags]]
            self._carriers.remember(connection, names)

    def verdict(self, digest: str) -> VerdictView | None:
        """By the digest of the payload, or that of verdict.json."""
        with reading(self._engine) as connection:
            return read_verdict(connection, plain(digest))

    def verdicts(
        self, wanted: Filter | str | None = None, *, limit: int = LIMIT, cursor: str | None = None
    ) -> Page[VerdictView]:
        """Verdicts of both kinds, newest first; a plain word is a status."""
        chosen = wanted if isinstance(wanted, Filter) else Filter(status=wanted)
        with reading(self._engine) as connection:
            return read_verdicts(connection, chosen, limit=limit, cursor=cursor)

    def paper(self, arxiv_id: str) -> PaperView | None:
        """A paper that a verdict is about."""
        with reading(self._engine) as connection:
            return read_paper(connection, plain(arxiv_id))

    def papers(self, *, limit: int = LIMIT, cursor: str | None = None) -> Page[PaperView]:
        """All papers that verdicts are about, the highest ids first."""
        with reading(self._engine) as connection:
            return read_papers(connection, limit=limit, cursor=cursor)

    def run(self, digest: str) -> RunView | None:
        """By the digest of the payload, or that of run.json."""
        with reading(self._engine) as connection:
            return read_run(connection, plain(digest))

    def anchors(self) -> tuple[AnchorView, ...]:
        """The newest result of each anchor, from signed reports."""
        with reading(self._engine) as connection:
            return read_anchors(connection)

    def counts(self) -> Counts:
        """How much there is."""
        with reading(self._engine) as connection:
            return read_counts(connection)
