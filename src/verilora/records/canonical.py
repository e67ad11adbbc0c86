"""One byte form for every record (RFC 8785 JSON), and digests of bytes and files."""

from __future__ import annotations

from typing import Any

import rfc8785

from verilora.records.digests import digest_bytes, digest_file

__all__ = ["canonical_bytes", "digest_bytes", "digest_file", "digest_of"]


def canonical_bytes(value: Any) -> bytes:
    """RFC 8785 form of plain JSON data (dict, list, str, int, float, bool, None)."""
    return rfc8785.dumps(value)


def digest_of(value: Any) -> str:
    """`sha256:<64 hex>` of the canonical bytes of plain JSON data."""
    return digest_bytes(canonical_bytes(value))
