"""The trust file: written and opened. An envelope around a Trust record, signed by its roots.

What was seen of it is remembered (`claims.memory`), so that it never goes back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from verilora.claims.envelope import Opened, open_envelope, sign_together
from verilora.claims.keys import Key
from verilora.claims.memory import remember
from verilora.claims.places import trust_path
from verilora.claims.predicates import read_predicate, statement_of
from verilora.claims.signatures import check_signatures
from verilora.claims.states import State
from verilora.errors import DataError, VerificationError
from verilora.records.strict_json import LONGEST
from verilora.records.trust import Trust


@dataclass(frozen=True)
class TrustFile:
    """A trust file whose signature by its own roots is good."""

    trust: Trust
    opened: Opened


def seal_trust(trust: Trust, roots: Sequence[Key]) -> bytes:
    """The bytes of the trust file, signed by the root keys given.

    Raises DataError if none of them is a root of it.
    """
    known = {key.id for key in trust.roots}
    if not any(key.id in known for key in roots):
        raise DataError(
            "a trust file is signed by one of its roots "
            f"({', '.join(sorted(known))}); none of the keys given is",
            file=None,
            line=None,
        )
    return sign_together(statement_of(trust), roots)


def read_trust(content: bytes, *, name: str = "the trust file") -> TrustFile:
    """The trust file in the bytes. Raises VerificationError unless one of its roots signed it."""
    opened = open_envelope(content, name=name)
    _, trust = read_predicate(opened)
    if not isinstance(trust, Trust):
        raise _refused("schema-invalid", f"{name} is no trust file, but another signed record")
    signers = check_signatures(opened, trust.roots)
    if signers.faults or not signers.ids:
        why = signers.faults[0] if signers.faults else "none of its own roots signed it"
        raise _refused("bad-signature", f"{name} cannot be trusted: {why}")
    return TrustFile(trust, opened)


def load_trust(path: Path | str | None = None, *, memory: Path | None = None) -> Trust:
    """The trust file at the path, or the user's own; remembered, so that it never goes back.

    Raises DataError if there is none; VerificationError ("stale-trust") for a version older than
    one seen before, "bad-signature" for one that its predecessor's roots did not sign.
    """
    path = trust_path() if path is None else Path(path)
    try:
        with path.open("rb") as file:
            content = file.read(LONGEST + 1)
    except OSError as error:
        raise DataError(
            f"there is no trust file {path} ({error.strerror}); it says whose signatures count: "
            "name one with --trust, or verilora keys trust makes your own",
            file=path,
            line=None,
        ) from error
    found = read_trust(content, name=str(path))
    remember(found.trust, found.opened, folder=memory, name=str(path))
    return found.trust


def _refused(state: State, sentence: str) -> VerificationError:
    return VerificationError(sentence, state=state)
