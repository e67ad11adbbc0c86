"""The trust file: written, opened, and never gone back on.

It is an envelope around a Trust record, signed by one of its roots. The newest version seen is
remembered per origin, in the user's state folder: an older one is refused from then on, another
one of the same number too, and one whose roots nobody of the remembered roots has signed for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from verilora.atomic import write_whole
from verilora.claims.envelope import Opened, open_envelope, sign_together
from verilora.claims.keys import Key
from verilora.claims.places import memory_folder, trust_path
from verilora.claims.predicates import read_predicate, statement_of
from verilora.claims.signatures import check_signatures
from verilora.claims.states import State
from verilora.errors import DataError, OutputError, VerificationError
from verilora.records.given import Count, Digest
from verilora.records.reading import read_record
from verilora.records.record import Record
from verilora.records.strict_json import LONGEST
from verilora.records.trust import PublicKey, Trust


class Memory(Record):
    """What was seen of one origin's trust file."""

    version: Count
    payload: Digest
    roots: tuple[PublicKey, ...]


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
    remember(found, memory=memory, name=str(path))
    return found.trust


def remember(found: TrustFile, *, memory: Path | None = None, name: str = "the trust file") -> None:
    """Holds the file against what was seen of its origin, and remembers it if it is newer.

    Where nothing can be written the file is held against what is there, and that is all.
    """
    trust = found.trust
    place = (memory_folder() if memory is None else memory) / f"{trust.origin}.json"
    seen = _seen(place)
    if seen is not None:
        _refuse_older(found, seen, name=name)
    if seen is None or trust.version > seen.version:
        newest = Memory(version=trust.version, payload=found.opened.digest, roots=_plain(trust))
        try:
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_whole(place, newest.canonical() + b"\n")
        except (OSError, OutputError):
            return  # a file system that is read only: nothing to remember on


def _refuse_older(found: TrustFile, seen: Memory, *, name: str) -> None:
    trust = found.trust
    if trust.version < seen.version:
        raise _refused(
            "stale-trust",
            f"{name} is version {trust.version}, and version {seen.version} was seen here before; "
            "what was revoked since would count again: get the newest one from its maker",
        )
    if trust.version == seen.version and found.opened.digest != seen.payload:
        raise _refused(
            "bad-signature",
            f"{name} is another version {trust.version} than the one seen here before; a maker "
            "gives each number once: ask which of the two is right",
        )
    if not check_signatures(found.opened, seen.roots).ids:
        raise _refused(
            "bad-signature",
            f"{name} has new roots, and no root of version {seen.version} signed for them; "
            "a change of roots is signed by old and new together",
        )


def _seen(place: Path) -> Memory | None:
    try:
        content = place.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(place, error.strerror or "") from error
    return read_record(Memory, content, name=f"{place} (what was seen of a trust file)")


def _plain(trust: Trust) -> tuple[PublicKey, ...]:
    return tuple(PublicKey(id=key.id, x=key.x, name=key.name) for key in trust.roots)


def _unreadable(place: Path, why: str) -> DataError:
    return DataError(
        f"{place} cannot be read ({why}); it holds the newest trust file seen: make it readable",
        file=place,
        line=None,
    )


def _refused(state: State, sentence: str) -> VerificationError:
    return VerificationError(sentence, state=state)
