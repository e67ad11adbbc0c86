"""`registry retract`: what is said later about a record, signed and taken in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from verilora.cli.passphrase import PassphraseFile, unlocked
from verilora.cli.terminal import Terminal

Database = Annotated[
    str | None,
    typer.Option(
        "--database", metavar="URL", help="sqlite:///PATH, postgresql://…, or a file [your data]."
    ),
]
TrustFile = Annotated[
    Path | None,
    typer.Option("--trust", metavar="FILE", help="Hold signatures against this trust file."),
]


def retract(  # limit: a command, registered with its group; one parameter an option
    terminal: Terminal,
    name: Annotated[
        str,
        typer.Argument(
            metavar="ID", show_default=False, help="A claim's id, or the digest of any record."
        ),
    ],
    *,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is shown.")],
    kind: Annotated[
        str, typer.Option("--kind", help="retraction, supersession or dispute.")
    ] = "retraction",
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="DIGEST", help="What takes its place (supersession)."),
    ] = None,
    key: Annotated[
        str, typer.Option("--key", metavar="KEY", help="The key that signs: name, id or file.")
    ] = "default",
    passphrase_file: PassphraseFile = None,
    trust: TrustFile = None,
    database: Database = None,
) -> None:
    """Sign a notice about a record and take it in: a retraction, a supersession or a dispute.

    Nothing is deleted: the record stays, and says that it was retracted. A notice has an effect if
    it is signed as well as the record: by a trusted key, where that one is.
    """
    from verilora.registry import open_registry

    with open_registry(database, make=False) as registry:
        record = _entry_of(registry, name)
    notice = _notice(kind=kind, about=record.digest, by=by, reason=reason)
    signed = _sign(notice, key, passphrase_file=passphrase_file)
    with open_registry(database, door=_door(record, trust)) as registry:
        entry = registry.admit(signed)
        effects = {one.entry.digest: one.has_effect for one in registry.notices(record.digest)}
        standing = _entry_of(registry, record.digest).standing
    has_effect = effects[entry.digest]
    told = f"{record.digest}\nis now {standing}; the notice is {entry.digest}"
    mapping = {"about": record.digest, "standing": standing, "has_effect": has_effect}
    terminal.tell(
        told if has_effect else f"{told}\n{_without_effect(record, entry)}",
        mapping={**mapping, "notice": mapping_of(entry)},
    )
    if not has_effect:
        raise typer.Exit(1)


def mapping_of(entry: Any) -> dict[str, Any]:
    """An entry as --json prints it."""
    import dataclasses

    return {**dataclasses.asdict(entry), "key_ids": list(entry.key_ids)}


def _entry_of(registry: Any, name: str) -> Any:
    from verilora.errors import RegistryError

    claim = None if ":" in name else registry.claim(name)
    entry = claim.entry if claim else registry.entry(name)
    if entry is None:
        raise RegistryError(
            f"the registry at {registry.url} holds no '{name}'; a claim's id or a digest is "
            "wanted: verilora registry list shows them"
        )
    return entry


def _sign(notice: Any, key: str, *, passphrase_file: Path | None) -> bytes:
    from verilora.claims.envelope import sign
    from verilora.claims.keys import find_key
    from verilora.claims.places import key_folder
    from verilora.claims.predicates import statement_of

    return sign(statement_of(notice), unlocked(find_key(key, key_folder()), passphrase_file))


def _door(record: Any, trust: Path | None) -> Any:
    """Of a record whose signature was checked the notice's is too: by the user's own trust file,
    unless another is named."""
    from verilora.claims.places import trust_path
    from verilora.registry import Door

    if trust is None and (record.state == "unchecked" or not trust_path().is_file()):
        return Door()
    from verilora.claims.trust import load_trust
    from verilora.registry.trusting import door_of

    return door_of(load_trust(trust))


def _without_effect(record: Any, notice: Any) -> str:
    return (
        f"It has no effect: the record's signature is '{record.state}', the notice's is "
        f"'{notice.state}'. Sign it with a key that the trust file (--trust) names for notices."
    )


def _notice(**given: Any) -> Any:
    from datetime import UTC, datetime

    from verilora.records.notice import Notice
    from verilora.records.reading import record_of

    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return record_of(Notice, {**given, "made_at": now}, name="the notice")
