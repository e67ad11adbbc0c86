"""Faults as answers: application/problem+json for programs, a page for people. Source: RFC 9457."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from pydantic import Field

from verilora.records.canonical import canonical_bytes
from verilora.records.record import Record

KIND = "application/problem+json"


class Problem(Exception):  # noqa: N818 - the name that RFC 9457 gives it
    """A request that is not answered: the status, and a sentence that says what to do."""

    def __init__(self, status: int, detail: str, *, faults: Sequence[str] = ()) -> None:
        super().__init__(detail)
        self.status, self.detail, self.faults = status, detail, tuple(faults)

    @property
    def title(self) -> str:
        """The status in words: "Not Found"."""
        return HTTPStatus(self.status).phrase

    def content(self) -> bytes:
        """The body as problem+json."""
        told: dict[str, Any] = {"type": "about:blank", "title": self.title, "status": self.status}
        told["detail"] = self.detail
        return canonical_bytes({**told, **({"faults": list(self.faults)} if self.faults else {})})


class ProblemBody(Record):
    """A fault, as RFC 9457 has it; `faults` has every single one where there are several."""

    type: str
    title: str
    status: int
    detail: str
    faults: tuple[str, ...] = Field(default=())


def missing(what: str, advice: str) -> Problem:
    """A 404 that says what is not there, and where to look."""
    return Problem(404, f"There is no {what} here. {advice}")
