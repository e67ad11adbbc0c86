"""One byte form for every record (RFC 8785 JSON), and digests of bytes and files."""

from __future__ import annotations

import json
from typing import Any

import rfc8785

from verilora.records.digests import digest_bytes, digest_file

__all__ = ["canonical_bytes", "digest_bytes", "digest_file", "digest_of"]

_LARGEST = 2**53 - 1
_encode = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
).encode


def canonical_bytes(value: Any) -> bytes:
    """RFC 8785 form of plain JSON data (dict, list, str, int, float, bool, None)."""
    try:
        return _encode(_alike(value)).encode()
    except ValueError:  # that of a text that is no UTF-8 too
        return rfc8785.dumps(value)


def digest_of(value: Any) -> str:
    """`sha256:<64 hex>` of the canonical bytes of plain JSON data."""
    return digest_bytes(canonical_bytes(value))


def _alike(value: Any) -> Any:
    """The value as Python's own encoder, which is much faster, writes it in this form too.

    Raises ValueError where the two may differ: numbers with an exponent, keys beyond ASCII, what is
    no plain JSON data.
    """
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return value
    if kind is dict and all(type(key) is str and key.isascii() for key in value):
        return {key: _alike(part) for key, part in value.items()}
    if kind is list or kind is tuple:
        return [_alike(part) for part in value]
    if kind is int and -_LARGEST <= value <= _LARGEST:
        return value
    if kind is float and abs(value) <= _LARGEST:
        if value.is_integer():
            return int(value)
        if abs(value) >= 1e-4:
            return value
    raise ValueError
