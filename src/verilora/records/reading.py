"""Bytes -> record, with every fault as a sentence: strict JSON first, then the record's own rules.

Opens no file: the caller reads the bytes and says the name to tell.
"""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from verilora.errors import DataError, nearest, told_together
from verilora.records.patterns import WANTED
from verilora.records.strict_json import parse_strict

Kind = TypeVar("Kind", bound=BaseModel)

_SIZES = ("too_short", "too_long", "string_too_short", "string_too_long")


def read_record(kind: type[Kind], content: bytes, *, name: str = "the document") -> Kind:
    """The record in the bytes of a JSON file.

    Raises DataError with all `faults`: what is no strict JSON, keys that are unknown (with the
    nearest known one), missing or of the wrong type, values that cannot be.
    """
    return record_of(kind, parse_strict(content, name=name), name=name)


def record_of(kind: type[Kind], value: Any, *, name: str = "the document") -> Kind:
    """The record of plain JSON data; raises as `read_record` does."""
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        known = _keys_of(kind)
        faults = tuple(_told(fault, known) for fault in _own(error.errors(include_url=False)))
        message = told_together(name, faults)
        raise DataError(message, file=name, line=None, faults=faults) from error


def _own(faults: list[Any]) -> list[Any]:
    """Without those that only follow: a list is found too short when what is in it was refused."""
    places = [fault["loc"] for fault in faults]

    def follows(fault: Any) -> bool:
        here = fault["loc"]
        return fault["type"] == "too_short" and any(
            len(place) > len(here) and place[: len(here)] == here for place in places
        )

    return [fault for fault in faults if not follows(fault)]


def _told(fault: Any, known: set[str]) -> str:
    path = _path_of(fault["loc"])
    if fault["type"] == "extra_forbidden":
        last = str(fault["loc"][-1])
        close = nearest(last, known - {last})
        return f"unknown key {path!r}{close}; leave it out or spell it as known"
    if fault["type"] == "missing":
        return f"{path} is missing; it is wanted"
    if fault["type"] in _SIZES:
        return f"{path} {_size_told(fault)}"
    wanted: str = fault["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    if fault["type"] == "string_pattern_mismatch":
        wanted = WANTED.get(str(fault["ctx"]["pattern"]), wanted)
    if fault["type"] in ("value_error", "assertion_error"):
        return f"{path}: {wanted}" if path else wanted
    return f"{path or 'the document'} is {_shortened(fault['input'])}; wanted: {wanted}"


def _size_told(fault: Any) -> str:
    """ "is empty; it is wanted", "has 13 items; at most 12 are wanted"."""
    given, facts = fault["input"], fault["ctx"]
    if not given:
        return "is empty; it is wanted"
    what = "characters" if isinstance(given, str) else "items"
    most = facts.get("max_length")
    bound = f"at least {facts.get('min_length')}" if most is None else f"at most {most}"
    return f"has {len(given)} {what}; {bound} are wanted"


def _path_of(location: tuple[Any, ...]) -> str:
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


def _keys_of(kind: type[BaseModel]) -> set[str]:
    schema = kind.model_json_schema()
    parts = [schema, *schema.get("$defs", {}).values()]
    return {key for part in parts for key in part.get("properties", {})}
