"""`sign`: a record, or a directory with its record, in an envelope that anyone can check."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from verilora.cli.columns import aligned
from verilora.cli.command import command
from verilora.cli.passphrase import PassphraseFile, unlocked
from verilora.cli.terminal import Terminal

Signed = Annotated[
    Path,
    typer.Argument(
        metavar="PATH",
        show_default=False,
        help="A claim, verdict, run, notice or anchors file, or a directory with one.",
    ),
]
KeyName = Annotated[
    str, typer.Option("--key", metavar="KEY", help="The key that signs: its name, id or file.")
]
Out = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Where the envelope goes.")]
Add = Annotated[
    bool, typer.Option("--add", help="Sign too, beside those who signed the same before.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace an envelope that is there.")]


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    command(
        app,
        "sign",
        examples="""
        verilora sign runs/mrpc
        verilora sign runs/mrpc/adapter --key mine
        verilora sign claim.json --key mine
        """,
    )(sign)


def sign(
    terminal: Terminal,
    path: Signed,
    *,
    key: KeyName = "default",
    out: Out = None,
    add: Add = False,
    force: Force = False,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Sign a record, with the digests of the files that it is about.

    Of a directory the record is its claim.json, verdict.json, run.json or verilora.json, and every
    file that belongs to it is signed for. The envelope goes beside them: claim.dsse.json, or the
    name of the one file.
    """
    from verilora.atomic import write_whole
    from verilora.claims.envelope import open_envelope, sign_too
    from verilora.claims.envelope import sign as seal
    from verilora.claims.keys import find_key
    from verilora.claims.places import key_folder, trust_path
    from verilora.claims.seal import read_for_signing
    from verilora.errors import OutputError

    found = read_for_signing(path)
    place = out or found.envelope
    before = _same(place, found) if add else None
    if place.exists() and not (force or add):
        told = "say --force to sign anew, or --add to sign too"
        raise OutputError(f"{place} is there already; {told}", path=place)
    private = unlocked(find_key(key, key_folder()), passphrase_file)
    content = seal(found.statement, private) if before is None else sign_too(before, private)
    write_whole(place, content + b"\n")
    checked = path if path.is_dir() and out is None else place
    _tell(terminal, found, digest=open_envelope(content).digest, place=place, key=private.id)
    terminal.note(f"\nAnyone with your trust file checks it, offline:\n  verilora verify {checked}")
    if not trust_path().is_file():
        terminal.note("You have no trust file yet: verilora keys trust makes one.")


def _same(place: Path, found: Any) -> bytes:
    """The envelope at the place, if it is about just what would be signed now."""
    from verilora.claims.envelope import open_envelope
    from verilora.claims.verify import read_envelope
    from verilora.errors import DataError

    content = read_envelope(place)
    if open_envelope(content, name=str(place)).payload != found.statement.canonical():
        raise DataError(
            f"{place} is not about what is there now: a record or a file is another than when it "
            "was signed; get it as it was, or say --force to sign anew",
            file=place,
            line=None,
        )
    return content


def _tell(terminal: Terminal, found: Any, *, digest: str, place: Path, key: str) -> None:
    names = [subject.name for subject in found.statement.subject]
    facts = {"kind": found.kind, "digest": digest, "key": key, "envelope": str(place)}
    count = f"{len(names)} file{'' if len(names) == 1 else 's'}"
    told = aligned([("signed", f"{found.kind} about {count}"), *list(facts.items())[1:]])
    terminal.tell(told, mapping={**facts, "files": names})
