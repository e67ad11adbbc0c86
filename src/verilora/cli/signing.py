"""The signed claim that a demo and a reproduction end with, and the line that checks it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from verilora.cli.desk import Desk
from verilora.cli.program import program
from verilora.cli.terminal import Terminal
from verilora.errors import VeriloraError

KEY = "default"


def leave_claim(terminal: Terminal, directory: Path, *, document: Any) -> str:
    """Leaves claim.json and claim.dsse.json beside a verdict; what to say of it.

    Signed with the user's key; where there is none yet, one is made, and where there is no trust
    file, one that names it. What is signed already stays as it is, unless it is about another
    verdict. A claim that cannot be made or signed is a sentence, never an error: the verdict
    stands without it.
    """
    try:
        fresh = _write_claim(directory, document)
        if not fresh and (directory / "claim.dsse.json").is_file():
            return _checked_by(directory)
        key = _key(terminal)
        if key is None:
            return f"Not signed: your key wants its passphrase\n  {program()} sign {directory}"
        _seal(directory, key)
    except VeriloraError as error:
        return f"Not signed: {error}"
    return _checked_by(directory)


def _write_claim(directory: Path, document: Any) -> bool:
    """True if claim.json was written; false if it is there and about this very verdict."""
    from verilora.atomic import write_whole
    from verilora.claims.amend import moment
    from verilora.claims.issue import claim_of

    path = directory / "claim.json"
    if _verdict_of(path) == document.digest:
        return False
    write_whole(path, claim_of(document, at=moment(datetime.now(UTC))).canonical())
    return True


def _verdict_of(path: Path) -> str | None:
    """The digest of the verdict that a claim's file is about."""
    from verilora.records.claim import Claim
    from verilora.records.reading import read_record

    if not path.is_file():
        return None
    claim = read_record(Claim, path.read_bytes(), name=str(path))
    return claim.performance and claim.performance.verdict


def _key(terminal: Terminal) -> Any:
    """The user's key, made where there is none; None if it is locked."""
    from verilora.claims.keys import find_key, keep_key, keys_in, load_key, make_key
    from verilora.claims.places import key_folder, trust_path
    from verilora.errors import KeyFileError

    folder = key_folder()
    if not any(key.name == KEY for _, key in keys_in(folder)):
        key = make_key(KEY)
        path = keep_key(key, folder)
        terminal.note(f"made your signing key {path} (for you alone; verilora keys list)")
    else:
        try:
            key = load_key(find_key(KEY, folder))
        except KeyFileError as error:
            if error.facts.get("needs_passphrase"):
                return None
            raise
    if not trust_path().exists():
        _trust(key)
        terminal.note(f"made a trust file that names it: {trust_path()} (to give away)")
    return key


def _trust(key: Any) -> None:
    """The first trust file: the key is its own root, for every kind of record."""
    from verilora.claims.amend import DAYS, with_key
    from verilora.claims.places import key_folder, trust_path
    from verilora.records.trust import ROLES, TrustedKey

    desk = Desk(trust_path(), key_folder(), [key])
    trusted = TrustedKey.model_validate({**key.public.to_mapping(), "roles": list(ROLES)})
    desk.write(with_key(desk.next_version(DAYS), trusted))


def _seal(directory: Path, key: Any) -> None:
    from verilora.atomic import write_whole
    from verilora.claims.envelope import sign
    from verilora.claims.seal import read_for_signing

    found = read_for_signing(directory)
    write_whole(found.envelope, sign(found.statement, key) + b"\n")


def _checked_by(directory: Path) -> str:
    return f"A signed claim about it, and how to check it\n  {program()} verify {directory}"
