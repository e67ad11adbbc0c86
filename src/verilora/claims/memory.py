"""What was seen of trust files on this machine, so that none is gone back on.

The newest version is remembered per origin, in the user's state folder: an older one is refused
from then on, another one of the same number too, and one whose roots nobody of the remembered
roots has signed for.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from verilora.atomic import write_whole
from verilora.claims.envelope import Opened
from verilora.claims.places import memory_folder
from verilora.claims.signatures import check_signatures
from verilora.claims.states import State
from verilora.errors import DataError, OutputError, VerificationError
from verilora.records.given import Count, Digest
from verilora.records.reading import read_record
from verilora.records.record import Record
from verilora.records.trust import PublicKey, Trust

try:
    import fcntl
except ImportError:  # not a POSIX system: no lock there
    fcntl = None


class Memory(Record):
    """What was seen of one origin's trust file."""

    version: Count
    payload: Digest
    roots: tuple[PublicKey, ...]


def remember(
    trust: Trust, opened: Opened, *, folder: Path | None = None, name: str = "the trust file"
) -> None:
    """Holds the trust file against what was seen of its origin, and remembers it if it is newer.

    One process at a time; where nothing can be written the file is held against what is there, and
    that is all. Raises VerificationError: "stale-trust" for an older version, "bad-signature" for
    another one of the same number, or one that no root of the last one signed.
    """
    place = _place(trust, folder)
    with _alone(place):
        seen = _held_against(trust, opened, place=place, name=name)
        if seen is None or trust.version > seen.version:
            with contextlib.suppress(OSError, OutputError):  # read only: nothing to remember on
                write_whole(place, _memory_of(trust, opened).canonical() + b"\n")


def refuse_older(
    trust: Trust, opened: Opened, *, folder: Path | None = None, name: str = "the trust file"
) -> None:
    """Raises as `remember` does, and remembers nothing."""
    _held_against(trust, opened, place=_place(trust, folder), name=name)


def _place(trust: Trust, folder: Path | None) -> Path:
    return (memory_folder() if folder is None else folder) / f"{trust.origin}.json"


@contextlib.contextmanager
def _alone(place: Path) -> Iterator[None]:
    """While inside no other process does the same; where no lock can be had, without one."""
    with contextlib.ExitStack() as held:
        with contextlib.suppress(OSError):
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = held.enter_context(place.with_suffix(".lock").open("ab"))
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX)  # the system lets go when the file is closed
        yield


def _held_against(trust: Trust, opened: Opened, *, place: Path, name: str) -> Memory | None:
    seen = _seen(place)
    if seen is None:
        return None
    if trust.version < seen.version:
        raise _refused(
            "stale-trust",
            f"{name} is version {trust.version}, and version {seen.version} was seen here before; "
            "what was revoked since would count again: get the newest one from its maker",
        )
    if trust.version == seen.version and opened.digest != seen.payload:
        raise _refused(
            "bad-signature",
            f"{name} is another version {trust.version} than the one seen here before; a maker "
            "gives each number once: ask which of the two is right",
        )
    if not check_signatures(opened, seen.roots).ids:
        raise _refused(
            "bad-signature",
            f"{name} has new roots, and no root of version {seen.version}, the last one seen here, "
            "signed for them: get the versions between the two from its maker, and verify "
            "something with each, the oldest first",
        )
    return seen


def _memory_of(trust: Trust, opened: Opened) -> Memory:
    roots = tuple(PublicKey(id=key.id, x=key.x, name=key.name) for key in trust.roots)
    return Memory(version=trust.version, payload=opened.digest, roots=roots)


def _seen(place: Path) -> Memory | None:
    try:
        content = place.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError(
            f"{place} cannot be read ({error.strerror or ''}); it holds the newest trust file "
            "seen: make it readable",
            file=place,
            line=None,
        ) from error
    return read_record(Memory, content, name=f"{place} (what was seen of a trust file)")


def _refused(state: State, sentence: str) -> VerificationError:
    return VerificationError(sentence, state=state)
