"""Preregistrations that were fixed together, for runs that serve several numbers of a paper."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from verilora.records.given import Digest
from verilora.records.record import Record

FORMAT = "verilora.preregistrations/1"


class Together(Record):
    """Digests of all preregistrations that the same runs were made under, sorted.

    Such runs name the digest of this record in place of a single preregistration's: it fixes every
    one of them, so that none can be added once the runs are made.
    """

    format: Literal["verilora.preregistrations/1"] = FORMAT
    digests: tuple[Digest, ...] = Field(min_length=2)
