"""JSON that has one meaning: what two readers could take differently is refused, all at once.

UTF-8 without a byte order mark, no key twice, no NaN and no infinity, no number beyond
±(2^53 - 1), at most 32 levels deep and 256 KiB long; text in NFC, without lone surrogates, control
characters or marks that turn the direction of writing. Knows no record.

Source: RFC 8259; RFC 7493 (I-JSON), sections 2.1 to 2.3, which this is narrower than.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from verilora.errors import DataError, told_together
from verilora.records.forms import LARGEST

LONGEST = 256 * 1024
"""Bytes of a document."""
DEEPEST = 32
"""Lists and objects inside each other."""

_MARKS = re.compile(r'\\.|["\[\]{}]', re.DOTALL)
# U+202A..202E and U+2066..2069 turn the direction of what follows; U+2028 and U+2029 end a line.
# Marks that tell which way a sign beside them runs (U+200E, U+200F) turn no word, and are used.
_HIDDEN = re.compile("[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]")


def parse_strict(content: bytes, *, name: str = "the document") -> Any:
    """Plain JSON data of the bytes.

    Raises DataError with every fault found (`faults`), the line where one is known (`line`).
    """
    text = _decoded(content, name)
    if _depth_of(text) > DEEPEST:
        raise _refused(name, [f"it is more than {DEEPEST} levels deep; make it flatter"])
    reader = _Reader()
    try:
        value = json.loads(
            text,
            object_pairs_hook=reader.read_object,
            parse_int=reader.read_whole,
            parse_float=reader.read_decimal,
            parse_constant=reader.read_constant,
        )
    except json.JSONDecodeError as error:
        fault = f"it is no JSON: {error.msg} (line {error.lineno}, column {error.colno})"
        raise _refused(name, [fault], line=error.lineno) from error
    faults = [*reader.faults, *_texts(value, "")]
    if faults:
        raise _refused(name, faults)
    return value


def text_fault(text: str) -> str | None:
    """What is wrong with a text that people will be shown, as a clause; None if nothing is."""
    if text.isascii() and text.isprintable():
        return None  # so are most, and this takes no time
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        return "holds half of a surrogate pair, which is no character; write the character itself"
    found = _HIDDEN.search(text)
    if found:
        code = f"U+{ord(found[0]):04X}"
        return f"holds the invisible character {code}; leave it out, or write a space"
    if not unicodedata.is_normalized("NFC", text):
        return "is not in Unicode's form NFC; normalise it (unicodedata.normalize in Python)"
    return None


class _Reader:
    """The hooks of one parse; `faults` fills while it goes on, so that all are told."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def read_object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            seen: set[str] = set()
            twice = {key for key, _ in pairs if key in seen or seen.add(key)}
            self.faults += [
                f"the key {key!r} stands twice in one object; keep one" for key in sorted(twice)
            ]
        return made

    def read_whole(self, token: str) -> int:
        # The length first: int() of a very long token is slow, and Python refuses it.
        if len(token) > 17 or abs(int(token)) > LARGEST:
            return self._too_large(token)
        return int(token)

    def read_decimal(self, token: str) -> float:
        value = float(token)
        return value if abs(value) <= LARGEST else self._too_large(token)

    def read_constant(self, token: str) -> float:
        self.faults.append(f"{token} is no number of JSON; write null where there is none")
        return math.nan

    def _too_large(self, token: str) -> int:
        shown = token if len(token) <= 24 else f"{token[:24]}…"
        self.faults.append(f"the number {shown} is beyond ±(2^53 - 1), where readers differ")
        return 0


def _decoded(content: bytes, name: str) -> str:
    if len(content) > LONGEST:
        found = f"it has {len(content):,} bytes; at most {LONGEST:,} are read"
        raise _refused(name, [found])
    if content.startswith(b"\xef\xbb\xbf"):
        raise _refused(name, ["it begins with a byte order mark; save it as UTF-8 without one"])
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        fault = f"byte {error.start} (line {line}) is not UTF-8; save it as UTF-8"
        raise _refused(name, [fault], line=line) from error


def _depth_of(text: str) -> int:
    depth = deepest = 0
    inside = False
    for mark in _MARKS.findall(text):
        if mark == '"':
            inside = not inside
        elif not inside and mark[0] != "\\":
            depth += 1 if mark in "[{" else -1
            deepest = max(deepest, depth)
    return deepest


def _texts(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, str):
        fault = text_fault(value)
        if fault:
            yield f"the text of {path or 'the document'} {fault}"
    elif isinstance(value, dict):
        for key, item in value.items():
            fault = text_fault(key)
            if fault:
                yield f"the key {key!r} in {path or 'the document'} {fault}"
            yield from _texts(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, f"{path}[{index}]")


def _refused(name: str, faults: list[str], *, line: int | None = None) -> DataError:
    told = [fault.encode("utf-8", "backslashreplace").decode("utf-8") for fault in faults]
    return DataError(told_together(name, told), file=name, line=line, faults=tuple(told))
