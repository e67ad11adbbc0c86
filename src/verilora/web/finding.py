"""What a page or an answer is made of, found in the registry; a Problem where it is not there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from verilora.errors import RegistryError
from verilora.records.canonical import digest_bytes
from verilora.records.trust import Trust
from verilora.registry.store import Registry
from verilora.registry.views import (
    ClaimView,
    NoticeView,
    Page,
    PaperView,
    RunView,
    SearchHit,
    VerdictView,
)
from verilora.web.limits import LONGEST_QUERY, MOST
from verilora.web.links import HEX, Links, claim_path, run_path, verdict_path
from verilora.web.problems import Problem, missing

CLAIM = re.compile(r"[0-9a-f]{16}")
DIGEST = re.compile(r"[0-9a-f]{64}")
MOST_FOUND = 50
"""Hits of a search."""


@dataclass(frozen=True)
class Site:
    """A registry and the address that its pages are reached by from outside."""

    registry: Registry
    address: str = "http://127.0.0.1:8000"
    trust: Trust | None = None
    """Whose signatures count, for envelopes that are sent to be checked."""

    depth: int | None = None
    """Folders above a page that is read as a file; None where a server answers."""

    @property
    def links(self) -> Links:
        """How pages name each other."""
        return Links(self.address, self.depth)

    def at(self, depth: int) -> Site:
        """The same for pages that are read as files, so many folders deep."""
        return replace(self, depth=depth)

    def claim(self, claim: str) -> ClaimView:
        """A claim by its id."""
        found = self.registry.claim(claim) if CLAIM.fullmatch(claim) else None
        if found is None:
            raise missing(
                "claim of that id", "Its id has 16 hex digits; a search finds it by words."
            )
        return found

    def verdict(self, digest: str) -> VerdictView:
        """A verdict by the digest of what was signed, or of the record, without its "sha256:"."""
        found = self.registry.verdict(_digest(digest)) if DIGEST.fullmatch(digest) else None
        if found is None:
            raise missing("verdict of that digest", "All verdicts are listed under /verdicts.")
        return found

    def verdict_of(self, view: ClaimView) -> VerdictView | None:
        """The verdict that a claim about a performance rests on, if it is kept here."""
        held = view.claim.performance
        return self.registry.verdict(held.verdict) if held else None

    def runs_of(self, view: ClaimView) -> list[RunView]:
        """The runs behind a claim about a performance, as far as they are kept here."""
        held = view.claim.performance
        found = (self.registry.run(digest) for digest in (held.runs if held else ()))
        return [run for run in found if run is not None]

    def run(self, digest: str) -> RunView:
        """A run by its digest, without its "sha256:"."""
        found = self.registry.run(_digest(digest)) if DIGEST.fullmatch(digest) else None
        if found is None:
            raise missing("run of that digest", "A verdict's page leads to its runs.")
        return found

    def paper(self, arxiv_id: str) -> PaperView:
        """A paper by its number at arXiv."""
        found = self.registry.paper(arxiv_id) if len(arxiv_id) <= 40 else None
        if found is None:
            raise missing("paper of that number", "All papers are listed under /papers.")
        return found

    def places_of(self, notices: Iterable[NoticeView]) -> dict[str, str]:
        """Digest -> path of the page of what takes a record's place, as far as it is kept here."""
        digests = {one.notice.by for one in notices if one.notice.by}
        found = {digest: self._place_of(digest) for digest in digests}
        return {digest: path for digest, path in found.items() if path}

    def _place_of(self, digest: str) -> str:
        claim = self.registry.claim(digest)
        if claim is not None:
            return claim_path(claim.id)
        entry = self.registry.entry(digest)
        kind = entry.kind if entry else ""
        return {"verdict": verdict_path, "run": run_path}.get(kind, lambda _: "")(digest)

    def envelope(self, digest: str) -> bytes:
        """The signed bytes, by the digest of their payload, without its "sha256:"."""
        found = self.registry.envelope(_digest(digest)) if DIGEST.fullmatch(digest) else None
        if found is None:
            raise missing("signed record of that digest", "Claims and verdicts say theirs.")
        return found

    def search(
        self, text: str, *, limit: int = MOST_FOUND, least: float = 0.0
    ) -> tuple[SearchHit, ...]:
        """Claims that hold words of the text."""
        if len(text) > LONGEST_QUERY:
            told = f"The text has {len(text)} characters; at most {LONGEST_QUERY} are searched for."
            raise Problem(400, told)
        return tuple(self.registry.search(text, limit=limit, min_confidence=least))

    def page(self, read: Any, *asked: Any, limit: int, cursor: str | None) -> Page[Any]:
        """A page of a list; Problem 400 for a cursor that no page gave."""
        if not 1 <= limit <= MOST:
            raise Problem(400, f"limit is {limit}; wanted is 1 to {MOST}.")
        try:
            return read(*asked, limit=limit, cursor=cursor)
        except RegistryError as error:
            raise Problem(400, str(error)) from error

    def payload(self, digest: str) -> bytes:
        """The bytes that were signed, by their digest without its "sha256:"."""
        found = self.registry.payload(_digest(digest)) if DIGEST.fullmatch(digest) else None
        if found is None or digest_bytes(found) != _digest(digest):
            raise missing("signed record of that digest", "Claims and verdicts say theirs.")
        return found


def _digest(digest: str) -> str:
    return HEX + digest
