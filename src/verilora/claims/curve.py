"""Ed25519 verified strictly: one key, one message, one signature, and every verifier agrees.

`cryptography` (OpenSSL) verifies; before it every input is refused that verifiers answer
differently, or that anybody can make. Its own verify takes the identity as a key, with a signature
of zeros for any message. What is accepted here is what libsodium accepts.

Sources: RFC 8032, section 5.1; Chalkias, Garillot and Nikolaenko 2020, eprint 2020/1244.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

PRIME = 2**255 - 19
"""Of the field that coordinates are in."""
ORDER = 2**252 + 27742317777372353535851937790883648493
"""Of the base point (L)."""
KEY_BYTES, SIGNATURE_BYTES = 32, 64
_SIGN = 1 << 255
# y of a point of order 8; the other is its negative.
_EIGHTH = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
SMALL = frozenset({0, 1, PRIME - 1, _EIGHTH, PRIME - _EIGHTH})
"""y of every point whose order divides 8; such a point as a key has signatures by nobody."""


def verify(public: bytes, signature: bytes, *, message: bytes) -> bool:
    """True if the signature is the message's under the key, and all three are beyond doubt.

    Refused before any arithmetic: wrong lengths, y not below the prime (of key and R), points of
    small order, S not below the order of the base point.
    """
    if len(signature) != SIGNATURE_BYTES or not is_sound_key(public):
        return False
    scalar = int.from_bytes(signature[32:], "little")
    if scalar >= ORDER or not _is_sound_point(signature[:32]):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def is_sound_key(public: bytes) -> bool:
    """True for 32 bytes in the one form that a point has, and of a point that has large order.

    Whether the bytes are on the curve at all is seen when a signature is verified.
    """
    return len(public) == KEY_BYTES and _is_sound_point(public)


def _is_sound_point(encoded: bytes) -> bool:
    y = int.from_bytes(encoded, "little") & (_SIGN - 1)
    return y < PRIME and y not in SMALL
