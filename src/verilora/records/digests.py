"""Digests of bytes and files, `sha256:<64 hex>`; the standard library alone."""

from __future__ import annotations

import hashlib
from pathlib import Path


def digest_bytes(content: bytes | memoryview) -> str:
    """`sha256:<64 hex>` of the bytes."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def digest_file(path: Path) -> str:
    """`sha256:<64 hex>` of a file's bytes, read in pieces."""
    with Path(path).open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
