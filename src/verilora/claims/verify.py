"""Is it valid? One word for anything signed, and the sentence that says why.

Offline: the trust file is all that is needed. Digests and signatures; that numbers can be computed
again from the files is looked at by those who can (`verilora verify --level`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from verilora.claims.envelope import SUFFIX, open_envelope
from verilora.claims.notices import heed_notices
from verilora.claims.predicates import read_predicate
from verilora.claims.standing import Checked, check
from verilora.claims.subjects import Subjects, check_subjects
from verilora.claims.trust import load_trust
from verilora.errors import DataError, VerificationError
from verilora.records.record import Record
from verilora.records.strict_json import LONGEST
from verilora.records.trust import Trust

__all__ = ["Checked", "Verified", "check", "find_envelope", "verify"]
CLAIM_FILE = f"claim{SUFFIX}"
"""Of a directory's own envelope."""


@dataclass(frozen=True)
class Verified:
    """A record whose signature, trust and files are in order."""

    record: Record
    kind: str
    digest: str
    """Of the payload: the identity of the signed record."""
    key_ids: tuple[str, ...]
    signers: tuple[str, ...]
    """Names of the keys, as the trust file gives them."""
    subjects: Subjects
    notes: tuple[str, ...]
    """What a reader should know besides: disputes, notices that do not count."""
    path: Path

    def to_mapping(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {
            "state": "valid",
            "kind": self.kind,
            "digest": self.digest,
            "keys": [
                {"id": key_id, "name": name}
                for key_id, name in zip(self.key_ids, self.signers, strict=True)
            ],
            "files": list(self.subjects.same),
            "absent": list(self.subjects.absent),
            "unsigned": list(self.subjects.unsigned),
            "notes": list(self.notes),
            "record": self.record.to_mapping(),
        }


def verify(
    path: Path | str,
    trust: Trust | Path | str | None = None,
    *,
    notices: Iterable[Path | str] = (),
    now: datetime | None = None,
) -> Verified:
    """The signed record at `path`, if all is well with it.

    `path` is an envelope's file, or a directory with one (claim.dsse.json): then every file that
    was signed has to be there. `trust` is a trust file, the user's own by default. `notices` are
    envelopes of retractions and the like; those named notice*.dsse.json beside it count too.

    Raises VerificationError, whose `state` is one word (docs/verify.md), and DataError if there is
    nothing signed, or no trust file. Contacts nothing; remembers which version of a trust file it
    saw, in the user's state folder.
    """
    file, wanted = find_envelope(path)
    content = read_envelope(file)
    moment = datetime.now(UTC) if now is None else now
    whom = trust if isinstance(trust, Trust) else load_trust(trust)
    opened = open_envelope(content, name=str(file))
    checked = check(opened, whom, now=moment)
    if checked.state != "valid":
        raise VerificationError(checked.sentence, state=checked.state, key_ids=checked.key_ids)
    kind, record = read_predicate(opened)
    subjects = check_subjects(opened.statement, record, folder=file.parent, wanted=wanted)
    beside = sorted(item for item in file.parent.glob(f"notice*{SUFFIX}") if item != file)
    said = [(read_envelope(item), str(item)) for item in [*map(Path, notices), *beside]]
    notes = heed_notices(opened, said, trust=whom, by=checked.key_ids, now=moment)
    names = tuple(key.name for key in map(whom.find, checked.key_ids) if key is not None)
    return Verified(record, kind, opened.digest, checked.key_ids, names, subjects, notes, file)


def find_envelope(path: Path | str) -> tuple[Path, bool]:
    """The envelope's file, and whether it was asked for as a directory, with all its files.

    Raises DataError if there is none, or more than one and none named claim.dsse.json.
    """
    path = Path(path)
    if not path.is_dir():
        return path, False
    own = path / CLAIM_FILE
    others = ("notice", "trust")
    found = [item for item in path.glob(f"*{SUFFIX}") if not item.name.startswith(others)]
    if own in found or len(found) == 1:
        return (own if own in found else found[0]), True
    raise DataError(f"{path} holds {_lacking(path, len(found))}", file=path, line=None)


def _lacking(path: Path, found: int) -> str:
    if found:
        return "several envelopes; name the one that is meant"
    above = path.absolute().parent
    if (above / CLAIM_FILE).is_file():
        return (
            f"no envelope (*{SUFFIX}); {above} does, and may be about it: verilora verify {above}"
        )
    return (
        f"no envelope (*{SUFFIX}); its maker has one, or if it is yours verilora sign {path} "
        "makes one"
    )


def read_envelope(file: Path) -> bytes:
    """At most one byte more than an envelope may have, so that a larger one is refused."""
    try:
        with file.open("rb") as source:
            return source.read(LONGEST + 1)
    except OSError as error:
        raise DataError(
            f"{file} cannot be read: {error.strerror}; an envelope (*{SUFFIX}) or a directory with "
            "one is wanted",
            file=file,
            line=None,
        ) from error
