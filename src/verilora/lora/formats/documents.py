"""JSON documents: read strictly from bytes that nobody vouches for, written in one form.

Every fault is one sentence in a DocumentError. Knows no file names and no keys.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any


class DocumentError(ValueError):
    """One sentence about content that cannot be trusted or understood."""


def read_file(path: Path, *, limit: int) -> bytes:
    """The bytes of a regular file of at most `limit` bytes.

    A link is followed: the cache of the hub keeps its files behind links. Raises DocumentError
    for a directory, a device, a pipe, a file too large or one that cannot be read.
    """
    try:
        if not path.is_file():
            raise DocumentError("is no regular file")
        size = path.stat().st_size
        if size > limit:
            raise DocumentError(f"has {size:,} bytes; at most {limit:,} are read")
        with path.open("rb") as file:
            return file.read(limit)
    except OSError as error:
        raise DocumentError(f"cannot be read ({error.strerror or error})") from error


def parse_document(content: bytes) -> dict[str, Any]:
    """The JSON object in `content`.

    Raises DocumentError for anything but UTF-8 and one object: a key given twice, NaN or Infinity,
    a number too large for a float, half of a surrogate pair, a nesting too deep to be meant.
    """
    try:
        value = json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_no_constant,
            parse_float=_finite,
        )
        # Half a surrogate pair cannot be written, printed or hashed again.
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeDecodeError as error:
        raise DocumentError(f"is not UTF-8 text ({error.reason})") from error
    except UnicodeEncodeError as error:
        raise DocumentError("holds half of a surrogate pair in a string") from error
    except RecursionError as error:
        raise DocumentError("is nested too deeply to be meant") from error
    except DocumentError:
        raise
    except ValueError as error:
        raise DocumentError(f"is not JSON ({error})") from error
    if not isinstance(value, dict):
        raise DocumentError(f"holds {type(value).__name__} where an object is wanted")
    return value


def document_bytes(value: Any) -> bytes:
    """Sorted keys, indent 2, ASCII, no newline at the end: the same bytes for equal data.

    Raises ValueError for NaN or infinity, TypeError for what JSON cannot hold.
    """
    return json.dumps(value, indent=2, sort_keys=True, allow_nan=False).encode()


def plain_data(value: Any) -> Any:
    """The value as it comes back from a document, lists for tuples.

    Raises DocumentError for what JSON cannot hold, or a strict reader would refuse.
    """
    try:
        text = json.dumps(value, sort_keys=True, allow_nan=False, ensure_ascii=False)
        text.encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        raise DocumentError(f"cannot be written as JSON ({error})") from error
    return json.loads(text)


def compact_bytes(value: Any) -> bytes:
    """Sorted keys and no spaces: the form that digests are taken of."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True, allow_nan=False).encode()


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise DocumentError(f"gives the key {twice!r} twice")
    return found


def _no_constant(name: str) -> Any:
    raise DocumentError(f"holds {name}, which is no JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise DocumentError(f"holds the number {text[:20]}, which is too large")
    return value
