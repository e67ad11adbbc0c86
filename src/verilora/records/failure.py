"""Failure: what is left of a seed whose training went wrong (`verilora.failure/1`, failed.json).

It stands in the run's directory in place of run.json: a seed that failed is a result too.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from verilora.records.given import Digest
from verilora.records.record import Record

FORMAT = "verilora.failure/1"


class Failure(Record):
    """A run that ended without a number, and why."""

    format: Literal["verilora.failure/1"] = FORMAT
    seed: int = Field(ge=0)
    why: str
    preregistration: Digest | None = None
