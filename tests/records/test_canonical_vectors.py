"""Canonical bytes against what is published for RFC 8785: documents, and a long row of numbers."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import math
import struct
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from verilora.records.canonical import canonical_bytes

VECTORS = Path(__file__).parents[1] / "vectors" / "canonical.json.gz"
DATA: dict[str, Any] = json.loads(gzip.decompress(VECTORS.read_bytes()))
PAIRS = {
    name: (base64.b64decode(given), base64.b64decode(out)) for name, given, out in DATA["pairs"]
}
CHECKSUMS: dict[int, str] = dict(map(tuple, DATA["checksums"]))
AFFORDABLE = (1_000, 10_000, 100_000)
"""Lines; the longer rows, of which there are three, take minutes to hours."""


def numbers() -> Iterator[float]:
    """The row of doubles: 168 chosen ones, 2,000 neighbours, then what SHA-256 gives of itself."""
    for pattern in DATA["numbers"]:
        yield struct.unpack(">d", bytes.fromhex(pattern))[0]
    for offset in range(2000):
        yield struct.unpack("<d", struct.pack("<Q", 0x0010000000000000 + offset))[0]
    block = bytes(32)
    while True:
        block = hashlib.sha256(block).digest()
        found = struct.unpack("<4d", block)
        yield from (value for value in found if value and math.isfinite(value))


def lines(values: Iterator[float]) -> Iterator[bytes]:
    """ "3eb0c6f7a0b5ed8d,0.000001" and so on."""
    for value in values:
        pattern = struct.unpack("<Q", struct.pack("<d", value))[0]
        yield b"%x,%b\n" % (pattern, canonical_bytes(value))


def test_the_vectors_are_whole() -> None:
    assert list(PAIRS) == ["arrays", "french", "structures", "unicode", "values", "weird"]
    assert len(DATA["numbers"]) == 168
    assert set(AFFORDABLE) < set(CHECKSUMS)


@pytest.mark.parametrize("name", PAIRS)
def test_published_documents(name: str) -> None:
    given, wanted = PAIRS[name]
    assert given != wanted
    assert canonical_bytes(json.loads(given)) == wanted
    assert canonical_bytes(json.loads(wanted)) == wanted


def test_published_numbers() -> None:
    digest, done = hashlib.sha256(), 0
    row = lines(numbers())
    for count in AFFORDABLE:
        for line in islice(row, count - done):
            digest.update(line)
        done = count
        assert digest.hexdigest() == CHECKSUMS[count], f"the first {count:,}"
