from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from verilora.claims.curve import ORDER, PRIME, SMALL, is_sound_key, verify

VECTORS = Path(__file__).parents[1] / "vectors" / "ed25519.json.gz"
COUNTS = {"wycheproof": 151, "speccheck": 12, "cctv": 914}
ACCEPTED = {"wycheproof": 88, "speccheck": 1, "cctv": 43}
D = -121665 * pow(121666, -1, PRIME) % PRIME
# RFC 8032, section 7.1, tests 1 and 3.
RFC = (
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
)


def add(first: tuple[int, int], second: tuple[int, int]) -> tuple[int, int]:
    """Two points of the curve, by RFC 8032's formula for affine coordinates."""
    (x1, y1), (x2, y2) = first, second
    product = D * x1 * x2 * y1 * y2 % PRIME
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, PRIME) % PRIME
    y = (y1 * y2 + x1 * x2) * pow(1 - product, -1, PRIME) % PRIME
    return x, y


def root(square: int) -> int | None:
    found = pow(square, (PRIME + 3) // 8, PRIME)
    for candidate in (found, found * pow(2, (PRIME - 1) // 4, PRIME) % PRIME):
        if candidate * candidate % PRIME == square % PRIME:
            return candidate
    return None


def torsion() -> set[tuple[int, int]]:
    """The eight points of small order: L times points of the curve, all that this gives."""
    found: set[tuple[int, int]] = set()
    for y in range(2, 60):
        x = root((y * y - 1) * pow(D * y * y + 1, -1, PRIME))
        if x is not None:
            found.add(times(ORDER, (x, y)))
    return found


def times(scalar: int, point: tuple[int, int]) -> tuple[int, int]:
    result = (0, 1)
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point, scalar = add(point, point), scalar >> 1
    return result


@pytest.mark.parametrize("name", COUNTS)
def test_published_vectors(name: str) -> None:
    rows = json.loads(gzip.decompress(VECTORS.read_bytes()))[name]
    assert len(rows) == COUNTS[name]
    answers = {True: 0, False: 0}
    for key, message, signature, accepted, note in rows:
        told = verify(bytes.fromhex(key), bytes.fromhex(signature), message=bytes.fromhex(message))
        assert told is accepted, f"{name}: {note}: {key} {message} {signature}"
        answers[told] += 1
    assert answers[True] == ACCEPTED[name]


@pytest.mark.parametrize(("key", "message", "signature"), RFC)
def test_the_standards_own(key: str, message: str, signature: str) -> None:
    public, sealed = bytes.fromhex(key), bytes.fromhex(signature)
    assert verify(public, sealed, message=bytes.fromhex(message))
    assert not verify(public, sealed, message=bytes.fromhex(message) + b"\0")
    assert not verify(public, sealed + b"\0", message=bytes.fromhex(message))
    assert not verify(public[:-1], sealed, message=bytes.fromhex(message))


def test_small_points_are_all_those_of_the_curve() -> None:
    found = torsion()
    assert len(found) == 8
    assert {y for _, y in found} == SMALL


def test_the_identity_signs_nothing_though_the_library_takes_it() -> None:
    identity, zeros = (1).to_bytes(32, "little"), (1).to_bytes(32, "little") + bytes(32)
    Ed25519PublicKey.from_public_bytes(identity).verify(zeros, b"any message")
    assert not verify(identity, zeros, message=b"any message")
    assert not is_sound_key(identity)


@pytest.mark.parametrize("y", [*SMALL, PRIME, PRIME + 1, 2**255 - 1])
@pytest.mark.parametrize("sign", [0, 1 << 255])
def test_points_of_no_worth_are_no_keys(y: int, sign: int) -> None:
    assert not is_sound_key((y | sign).to_bytes(32, "little"))


def test_a_second_form_of_a_signature_is_refused() -> None:
    key, message, signature = (bytes.fromhex(part) for part in RFC[0])
    moved = int.from_bytes(signature[32:], "little") + ORDER
    assert moved < 2**256
    assert not verify(key, signature[:32] + moved.to_bytes(32, "little"), message=message)
