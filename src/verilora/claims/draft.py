"""A draft: what a person writes of a fact, before gates and rubric were applied.

TOML or JSON with the claim's own words; id, statement, confidence and its rule are not written by
hand. Opens no file.
"""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from verilora.errors import DataError
from verilora.records.claim import VERTICAL, Distinct, SourceType
from verilora.records.given import Share, Text
from verilora.records.reading import record_of
from verilora.records.record import Record
from verilora.records.strict_json import LONGEST, parse_strict


class DraftSource(Record):
    """A source as drafted; `text` names the file in which its quote is looked for."""

    type: SourceType
    publisher: Text
    title: Text
    url: Text
    published: Text | None = None
    accessed: Text | None = None
    quote: Text | None = None
    text: Text | None = None


class Draft(Record):
    """A fact as drafted. What a claim may be is checked when it is made, all faults at once."""

    subject: Text
    predicate: Text
    object: Text
    vertical: Text = VERTICAL
    tags: tuple[Text, ...] = ()
    sources: Annotated[tuple[DraftSource, ...], Field(max_length=50)] = ()
    confidence: Share | None = None
    """Only to lower what the rubric gives; with a reason."""
    confidence_reason: Text | None = None
    distinct_from: tuple[Distinct, ...] = ()


def read_draft(content: bytes, *, name: str = "the draft", given: Mapping[str, Any]) -> Draft:
    """The draft in the bytes of a TOML or JSON file; what is `given` beside it takes precedence.

    Raises DataError with all `faults`: keys unknown or missing, values of the wrong type.
    """
    return draft_of({**read_table(content, name=name), **given}, name=name)


def draft_of(mapping: Mapping[str, Any], *, name: str = "the draft") -> Draft:
    """The draft of plain data; raises as `read_draft` does."""
    return record_of(Draft, dict(mapping), name=name)


def read_table(content: bytes, *, name: str) -> dict[str, Any]:
    """The keys of a TOML or JSON file, TOML's dates as text. Raises DataError for anything else."""
    if content.lstrip()[:1] == b"{":
        return parse_strict(content, name=name)
    if len(content) > LONGEST:
        found = f"{name} has {len(content):,} bytes; at most {LONGEST:,} are read"
        raise DataError(found, file=name, line=None)
    try:
        return _plain(tomllib.loads(content.decode("utf-8")))
    except ValueError as error:  # of TOML, and of UTF-8
        raise DataError(
            f"{name} is neither TOML nor JSON: {error}; see verilora claim new --help",
            file=name,
            line=None,
        ) from error


def _plain(value: Any) -> Any:
    """TOML's own dates as text, as a claim has them."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, datetime.date) else value
