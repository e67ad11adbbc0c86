"""`keys new|list|trust|revoke`: keys that sign, and the file that says whose signatures count."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from verilora.cli.command import command
from verilora.cli.desk import Desk
from verilora.cli.passphrase import PassphraseFile, ask_new, read_passphrase, unlocked
from verilora.cli.terminal import Terminal

Directory = Annotated[
    Path | None,
    typer.Option("--directory", metavar="DIR", help="The folder of keys [the user's config]."),
]
TrustOption = Annotated[
    Path | None,
    typer.Option("--trust", metavar="FILE", help="The trust file [the user's config]."),
]
Root = Annotated[
    list[str] | None,
    typer.Option(
        "--root", metavar="KEY", help="The root key that signs the file; again for more [default]."
    ),
]
Threshold = Annotated[
    list[str] | None,
    typer.Option(
        "--threshold", metavar="ROLE=N", help="So many keys have to sign a record of this kind."
    ),
]
Wanted = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KEY]...", show_default=False, help="Own keys by name, or public .jwk.json."
    ),
]
Role = Annotated[
    list[str] | None,
    typer.Option("--role", help="What they may sign; may be said again [every kind]."),
]
Since = Annotated[
    str | None,
    typer.Option("--from", metavar="DAY", help="From when on they may sign, 2026-01-31 [ever]."),
]
Until = Annotated[
    str | None, typer.Option("--until", metavar="DAY", help="Until when they may sign [no end].")
]
AddRoot = Annotated[
    list[str] | None, typer.Option("--add-root", metavar="KEY", help="One root more.")
]
DropRoot = Annotated[
    list[str] | None, typer.Option("--drop-root", metavar="ID", help="One root less.")
]
Keep = Annotated[
    list[str] | None,
    typer.Option("--keep", metavar="DIGEST", help="A signed record that stays; again for more."),
]
Days = Annotated[
    int, typer.Option("--days", min=1, max=3650, help="For how many days it counts from now on.")
]


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    group = typer.Typer(
        no_args_is_help=True,
        rich_markup_mode=None,
        help="Keys that sign, and whose signatures count.\n\nExample: verilora keys new",
    )
    app.add_typer(group, name="keys")
    command(
        group,
        "new",
        examples="""
        verilora keys new
        verilora keys new --name root --passphrase
        """,
    )(new)
    command(group, "list", examples="verilora keys list")(list_keys)
    command(
        group,
        "trust",
        examples="""
        verilora keys trust default --root root
        verilora keys trust theirs.jwk.json --role claim --role verdict --trust trust.dsse.json
        """,
    )(trust)
    command(
        group,
        "revoke",
        examples='verilora keys revoke default --reason "the laptop was stolen" --root root',
    )(revoke)


def new(
    terminal: Terminal,
    *,
    name: Annotated[str, typer.Option("--name", help="What you call it.")] = "default",
    directory: Directory = None,
    passphrase: Annotated[
        bool, typer.Option("--passphrase", help="Ask for a passphrase to lock it with.")
    ] = False,
    passphrase_file: PassphraseFile = None,
    force: Annotated[bool, typer.Option("--force", help="Also inside a git work tree.")] = False,
) -> None:
    """Make a new key: a private file for you alone, and a public one to give away.

    No key is ever replaced. Where no trust file lies in your config yet, verilora keys trust makes
    one.
    """
    from verilora.claims.keys import PUBLIC, keep_key, make_key
    from verilora.claims.places import key_folder

    secret = read_passphrase(passphrase_file)
    if secret is None and passphrase:
        secret = ask_new()
    key = make_key(name)
    path = keep_key(key, directory or key_folder(), passphrase=secret, force=force)
    public = path.with_name(name + PUBLIC)
    told = [
        f"id       {key.id}",
        f"private  {path} (for you alone)",
        f"public   {public} (to give away)",
    ]
    mapping = {"id": key.id, "name": name, "private": str(path), "public": str(public)}
    terminal.tell("\n".join(told), mapping=mapping)


def list_keys(
    terminal: Terminal, *, directory: Directory = None, trust: TrustOption = None
) -> None:
    """List your own keys, and those that the trust file names, with what they may sign."""
    from verilora.claims.keys import keys_in
    from verilora.claims.places import key_folder, trust_path
    from verilora.claims.trust import load_trust
    from verilora.cli.columns import columns

    folder = directory or key_folder()
    own = [(path, key) for path, key in keys_in(folder)]
    found = load_trust(trust) if trust is not None or trust_path().is_file() else None
    mapping: dict[str, Any] = {
        "keys": [{**key.to_mapping(), "private": path.is_file()} for path, key in own],
        "trust": None if found is None else found.to_mapping(),
    }
    rows = [("your keys", "id"), *((key.name, key.id) for _, key in own)]
    tables = [columns(rows, numbers=()) if own else f"no keys in {folder}; verilora keys new"]
    tables += [] if found is None else [_trust_told(found)]
    terminal.tell("\n\n".join(tables), mapping=mapping)


def trust(
    terminal: Terminal,
    keys: Wanted = None,
    *,
    role: Role = None,
    since: Since = None,
    until: Until = None,
    threshold: Threshold = None,
    root: Root = None,
    add_root: AddRoot = None,
    drop_root: DropRoot = None,
    days: Days = 365,
    file: TrustOption = None,
    directory: Directory = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Write the next version of the trust file: keys that count, and for what.

    Makes the file if there is none. Without KEY it is renewed as it is. To change roots, sign with
    the old one and the new one: --root old --root new --add-root new --drop-root ID.
    """
    from verilora.claims.amend import with_key, with_roots, with_threshold
    from verilora.records.trust import ROLES, TrustedKey

    desk = _desk(file, directory, root=root, passphrase_file=passphrase_file)
    made = desk.next_version(days)
    facts = {
        "roles": list(role or ROLES),
        "valid_from": _begin_of(since, "--from"),
        "valid_until": _begin_of(until, "--until"),
    }
    for key in map(desk.public, keys or ()):
        made = with_key(made, _checked(TrustedKey, {**key.to_mapping(), **facts}))
    made = with_roots(made, added=map(desk.public, add_root or ()), dropped=drop_root or ())
    made = with_threshold(made, _counts(threshold or ()))
    desk.write(made)
    terminal.tell(f"{_trust_told(made)}\n\n{desk.file}", mapping=made.to_mapping())


def revoke(
    terminal: Terminal,
    key: Annotated[str, typer.Argument(metavar="KEY", show_default=False, help="Its name or id.")],
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why, for everybody to read.")],
    keep: Keep = None,
    root: Root = None,
    days: Days = 365,
    file: TrustOption = None,
    directory: Directory = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Revoke a key: none of its signatures counts any more, whenever it was made.

    A signature bears no time that a thief could not write too. Records that you know to be your own
    stay valid by --keep, with the digest that verilora verify --json tells.
    """
    from verilora.claims.amend import with_revoked
    from verilora.records.trust import Revocation

    desk = _desk(file, directory, root=root, passphrase_file=passphrase_file)
    made = desk.next_version(days)
    entry = {"at": made.issued_at, "reason": reason, "kept": list(keep or ())}
    made = with_revoked(made, key, revocation=_checked(Revocation, entry))
    desk.write(made)
    terminal.tell(f"{_trust_told(made)}\n\n{desk.file}", mapping=made.to_mapping())


def _desk(
    file: Path | None,
    directory: Path | None,
    *,
    root: list[str] | None,
    passphrase_file: Path | None,
) -> Desk:
    from verilora.claims.keys import find_key
    from verilora.claims.places import key_folder, trust_path

    folder = directory or key_folder()
    paths = [find_key(one, folder) for one in root or ["default"]]
    return Desk(file or trust_path(), folder, [unlocked(path, passphrase_file) for path in paths])


def _begin_of(day: str | None, flag: str) -> str | None:
    """The first moment of a day, in UTC."""
    from datetime import date

    if day is None:
        return None
    try:
        return f"{date.fromisoformat(day).isoformat()}T00:00:00Z"
    except ValueError as error:
        raise typer.BadParameter(f"{flag} {day}: a day such as 2027-01-31 is wanted") from error


def _counts(given: Sequence[str]) -> dict[str, int]:
    """Role -> count, of ROLE=N."""
    from verilora.records.envelope import MOST_SIGNATURES
    from verilora.records.trust import ROLES

    found: dict[str, str] = {}
    for one in given:
        role, _, count = one.partition("=")
        found[role] = count
        if role not in ROLES or not count.isdecimal() or not 1 <= int(count) <= MOST_SIGNATURES:
            raise typer.BadParameter(
                f"--threshold {role}={count}: one of {', '.join(ROLES)} and a number from 1 to "
                f"{MOST_SIGNATURES} are wanted, such as claim=2"
            )
    return {role: int(count) for role, count in found.items()}


def _checked(kind: Any, entry: dict[str, Any]) -> Any:
    from verilora.records.reading import record_of

    return record_of(kind, entry, name="what was asked for")


def _trust_told(found: Any) -> str:
    from datetime import UTC, datetime

    from verilora.cli.columns import columns
    from verilora.records.trust import instant

    rows = [("trusted", "for", "until", "id")]
    for key in found.trusted:
        until = (key.valid_until or "-")[:10]
        if key.revoked is not None:
            until = f"revoked {key.revoked.at[:10]}"
        rows.append((key.name, " ".join(key.roles), until, key.id))
    roots = ", ".join(f"{key.name} ({key.id})" for key in found.roots)
    ended = instant(found.expires_at) <= datetime.now(UTC)
    until = f"EXPIRED on {found.expires_at[:10]}" if ended else f"until {found.expires_at[:10]}"
    head = f"trust file, version {found.version}, {until}; root {roots}"
    wanted = [f"a {role} counts with {n} signatures" for role, n in sorted(found.threshold.items())]
    table = [columns(rows, numbers=())] if found.trusted else ["no keys yet"]
    return "\n".join([head, *wanted, *table])
