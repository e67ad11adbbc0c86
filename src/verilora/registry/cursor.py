"""Cursors: where a list goes on. Opaque to whoever holds one, and good for their own list alone."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from verilora.errors import RegistryError
from verilora.registry.views import Page
from verilora.registry.words import plain

MOST = 200
"""Items on a page."""
Made = TypeVar("Made")


def encode(name: str, key: object) -> str:
    """The cursor behind the item with this key, in the list of this name."""
    told = f"{_mark_of(name)}:{key}".encode()
    return base64.urlsafe_b64encode(told).decode().rstrip("=")


def decode(name: str, cursor: str) -> str:
    """The key in a cursor. Raises RegistryError for one that is none, or of another list."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        told = base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError):
        told = ""
    found, _, key = told.partition(":")
    if found != _mark_of(name) or not key or encode(name, key) != cursor:
        raise RegistryError(
            f"the cursor {cursor[:60]!r} is none of this list; take next_cursor as it came, "
            "or leave it out to begin at the start",
            cursor=cursor,
        )
    return key


def _mark_of(name: str) -> str:
    """Eight letters that stand for a list, whatever its name is made of."""
    return hashlib.sha256(plain(name).encode()).hexdigest()[:8]


def decode_sequence(name: str, cursor: str | None, *, start: int = 2**31 - 1) -> int:
    """The sequence number in a cursor; `start` where none is given. Raises as `decode` does."""
    if cursor is None:
        return start
    key = decode(name, cursor)
    if not key.isdecimal() or len(key) > 10 or int(key) > start:
        raise RegistryError(f"the cursor {cursor[:60]!r} does not belong to this list")
    return int(key)


def refuse_limit(limit: int, most: int = MOST) -> None:
    """Raises RegistryError for a limit below 1 or above `most`."""
    if not 1 <= limit <= most:
        raise RegistryError(f"limit is {limit}; 1 to {most} is wanted", limit=limit)


def page_of(
    rows: Sequence[Any],
    limit: int,
    *,
    make: Callable[[list[Any]], Sequence[Made]],
    cursor: Callable[[Any], str],
) -> Page[Made]:
    """The page of these rows, of which there is one more than `limit` if the list goes on."""
    shown = list(rows[:limit])
    following = cursor(shown[-1]) if len(rows) > limit else None
    return Page(tuple(make(shown)), following)
