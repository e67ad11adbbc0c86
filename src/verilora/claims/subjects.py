"""The files that a statement names: where they are, and whether they still are what was signed."""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from verilora.claims.belongings import belongings, others_in
from verilora.claims.predicates import is_itself
from verilora.errors import DataError, VerificationError
from verilora.records.canonical import canonical_bytes, digest_bytes, digest_file
from verilora.records.envelope import Statement
from verilora.records.record import Record
from verilora.records.strict_json import LONGEST, parse_strict

_FOREIGN = re.compile(r"[\\:\0]|^/|^~")


@dataclass(frozen=True)
class Subjects:
    """What became of the files named."""

    same: tuple[str, ...]
    """There, with the digest that was signed."""
    absent: tuple[str, ...]
    """Not there, so that nothing is known of them."""
    unsigned: tuple[str, ...] = ()
    """Of a whole directory: what lies there besides, and nobody signed for."""


def check_subjects(statement: Statement, record: Record, *, folder: Path, wanted: bool) -> Subjects:
    """Digests of the named files in the folder, taken anew.

    With `wanted`, for a whole directory, a file that is missing is a mismatch, and so is one that
    belongs to such a record and was not signed (weights laid beside a signed run); else what is
    missing is told as absent. A record that is about itself needs no file.
    Raises VerificationError: "digest-mismatch" with `differing`, "schema-invalid" for a name that
    leads out of the folder.
    """
    same, absent, differing = [], [], []
    for subject in statement.subject:
        path = folder / _inner_name(subject.name)
        digest = subject.digests["sha256"]
        itself = is_itself(digest, record)
        if not _is_file(path):
            (same if itself else absent).append(subject.name)
        elif (found := _digest_of(path)) == digest or (itself and _says_the_same(path, digest)):
            same.append(subject.name)
        else:
            told = "is not the file that was signed" if found else "cannot be read"
            differing.append(f"{subject.name} {told}")
    signed = {subject.name for subject in statement.subject}
    if wanted:
        differing += [f"{name} was signed, and is not there" for name in absent]
        added = [name for name in belongings(folder) if name not in signed]
        differing += [f"{name} lies there, and was not signed" for name in added]
    if differing:
        raise VerificationError(
            f"{'; '.join(differing[:5])}{' …' if len(differing) > 5 else ''}",
            state="digest-mismatch",
            differing=tuple(differing),
        )
    return Subjects(tuple(same), tuple(absent), others_in(folder, signed) if wanted else ())


def _inner_name(name: str) -> str:
    parts = PurePosixPath(name).parts
    if _FOREIGN.search(name) or ".." in parts or not parts or str(PurePosixPath(name)) != name:
        raise VerificationError(
            f"a subject is named {name!r}, which is no plain path within the directory",
            state="schema-invalid",
        )
    return name


def _is_file(path: Path) -> bool:
    # Links are followed (caches are made of them); devices and pipes are never read.
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False


def _digest_of(path: Path) -> str | None:
    """64 hex digits; None of what cannot be read."""
    try:
        return digest_file(path).removeprefix("sha256:")
    except OSError:
        return None


def _says_the_same(path: Path, digest: str) -> bool:
    """True if the file is the signed record, laid out in another way."""
    try:
        with path.open("rb") as file:
            content = file.read(LONGEST + 1)
        return digest_bytes(canonical_bytes(parse_strict(content))) == f"sha256:{digest}"
    except (OSError, DataError, ValueError):
        return False
