"""What a demo and a reproduction leave in the user's own registry, so that `serve` shows it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from verilora.cli.program import program
from verilora.errors import VeriloraError

PAGES = "http://127.0.0.1:8000"
"""Where `verilora serve` answers, if it is not told otherwise."""
RECORDS = {
    "verdict.json": "its verdict",
    "preregistration.json": "what was fixed before",
}
InRegistry = Annotated[
    bool,
    typer.Option(
        "--registry/--no-registry",
        help="Put claim, verdict and runs, signed, into your registry (a file of yours).",
    ),
]


def keep(directory: Path) -> str:
    """Puts what was signed at the end of `directory` into the user's registry; what to say of it.

    The claim, its verdict, what was fixed before, and each run, all signed with the user's key. An
    empty registry begins with the claims that `serve` gives it. A claim of the same id by the same
    key is superseded. What is refused is a sentence, never an error: the result stands without it.
    """
    envelope = directory / "claim.dsse.json"
    if not envelope.is_file():
        return ""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        return _kept(directory, envelope.read_bytes())
    except (VeriloraError, OSError, SQLAlchemyError) as error:
        return f"Not put into your registry: {error}"


def _kept(directory: Path, claim: bytes) -> str:
    from verilora.registry import open_registry
    from verilora.web.seed import seed

    key = _key()
    if key is None:
        return (
            "Not put into your registry: your key wants its passphrase\n"
            f"  {program()} registry add {directory / 'claim.dsse.json'}"
        )
    with open_registry(door=_door()) as registry:
        seed(registry, key)
        runs = sorted(path.parent for path in directory.glob("*/run.json"))
        records = [directory / name for name in RECORDS if (directory / name).is_file()]
        made = [_signed(path, key) for path in (*reversed(records), *runs)]
        before = _supersedes(registry, claim, key=key)
        # The claim first: where it is refused, nothing else is taken in.
        list(registry.admit_many([*before, claim, *made]))
        url = registry.url
    parts = ["the claim", *(RECORDS[path.name] for path in records)]
    parts += [f"{len(runs)} run{'' if len(runs) == 1 else 's'}"] if runs else []
    again = "; the claim takes the place of the one that was there" if before else ""
    return (
        f"Put into your registry, {url}: {', '.join(parts)}{again}\n"
        f"  {program()} serve\n  {PAGES}/claims/{_claim_in(claim).id} is then the claim's page"
    )


def _signed(path: Path, key: Any) -> bytes:
    from verilora.claims.envelope import sign
    from verilora.claims.seal import read_for_signing

    return sign(read_for_signing(path).statement, key)


def _supersedes(registry: Any, claim: bytes, *, key: Any) -> list[bytes]:
    """The notice that puts the claim into the place of one of the same id and key; mostly none."""
    from verilora.claims.amend import moment
    from verilora.claims.envelope import open_envelope, sign
    from verilora.claims.predicates import statement_of
    from verilora.records.notice import Notice

    new = open_envelope(claim).digest
    found = registry.claim(_claim_in(claim).id)
    if found is None or found.entry.standing not in ("standing", "disputed"):
        return []
    if found.entry.digest == new or key.id not in found.entry.key_ids:
        return []
    notice = Notice(
        kind="supersession",
        about=found.entry.digest,
        by=new,
        reason="The same was run again, by the same hand, with the same result.",
        made_at=moment(datetime.now(UTC)),
    )
    return [sign(statement_of(notice), key)]


def _claim_in(envelope: bytes) -> Any:
    from verilora.claims.envelope import open_envelope
    from verilora.claims.predicates import read_predicate

    return read_predicate(open_envelope(envelope))[1]


def _key() -> Any:
    """The user's key; None if it is locked."""
    from verilora.claims.keys import find_key, load_key
    from verilora.claims.places import key_folder
    from verilora.cli.signing import KEY
    from verilora.errors import KeyFileError

    try:
        return load_key(find_key(KEY, key_folder()))
    except KeyFileError as error:
        if error.facts.get("needs_passphrase"):
            return None
        raise


def _door() -> Any:
    """Signatures are held against the user's trust file, where there is one that can be read."""
    from verilora.claims.trust import load_trust
    from verilora.registry import Door
    from verilora.registry.trusting import door_of

    try:
        return door_of(load_trust(None))
    except VeriloraError:
        return Door()
