"""Which of the keys that one has made the signatures of an envelope."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from verilora.claims.curve import verify
from verilora.claims.envelope import Opened, decode_strictly
from verilora.records.envelope import Signature
from verilora.records.trust import PublicKey, decode_public


@dataclass(frozen=True)
class Signers:
    """Who signed; a key that signed twice counts once."""

    ids: tuple[str, ...]
    """Of the keys whose signature is good, in the envelope's order."""
    unknown: tuple[str, ...]
    """Key ids that the envelope names and nobody here has; their signatures say nothing."""
    faults: tuple[str, ...]
    """What cannot be in an honest envelope, a sentence each."""


def check_signatures(opened: Opened, keys: Iterable[PublicKey]) -> Signers:
    """Holds every signature against every key; the key id is a hint which to try first.

    A signature that names a known key and is not that key's is a fault, also beside a good one.
    Raises VerificationError ("malformed") for base64 in another than its one form.
    """
    known = {key.id: key for key in keys}
    ids: dict[str, None] = {}
    unknown, faults = [], []
    for signature in opened.envelope.signatures:
        signer = _signer_of(signature, opened.message, known=known)
        hint = signature.keyid
        if signer is None and hint is not None and hint not in known:
            unknown.append(hint)
        elif signer is None:
            whose = f"of the key {hint}" if hint else "without a key id"
            faults.append(f"the signature {whose} was not made over these bytes")
        elif hint not in (None, signer):
            faults.append(f"a signature of the key {signer} says that it is the key {hint}'s")
        else:
            ids[signer] = None
    return Signers(tuple(ids), tuple(unknown), tuple(faults))


def _signer_of(signature: Signature, message: bytes, *, known: dict[str, PublicKey]) -> str | None:
    sealed = decode_strictly(signature.sig, name="a signature")
    hinted = known.get(signature.keyid or "")
    order = [*([hinted] if hinted else []), *(key for key in known.values() if key is not hinted)]
    made = (key.id for key in order if verify(decode_public(key.x), sealed, message=message))
    return next(made, None)
