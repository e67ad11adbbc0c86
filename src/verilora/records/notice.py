"""Notice: what is said later about a record that stays: retraction, supersession, dispute."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from verilora.records.claim import Moment, Url
from verilora.records.given import Digest, Text
from verilora.records.record import Record

FORMAT = "verilora.notice/1"


class Notice(Record):
    """Nothing is deleted: a notice stands beside what it is about. Signed like any record."""

    format: Literal["verilora.notice/1"] = FORMAT
    kind: Literal["retraction", "supersession", "dispute"]
    about: Digest
    """Of the envelope's payload that it is about."""
    by: Digest | None = None
    """Of the payload that takes its place; of a supersession alone."""
    reason: Annotated[Text, Field(min_length=1, max_length=1000)]
    url: Url | None = None
    """Where more is said."""
    made_at: Moment

    @model_validator(mode="after")
    def _replaced(self) -> Notice:
        if (self.kind == "supersession") != (self.by is not None):
            raise ValueError("a supersession names what takes the place (by); no other notice does")
        return self
