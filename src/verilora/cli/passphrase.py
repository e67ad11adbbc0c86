"""Passphrases of private keys: from a file, or typed unseen. Never from flags or the environment.

What stands on a command line or in the environment is read by other processes and kept in
histories and logs.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from verilora.errors import KeyFileError

PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file", metavar="FILE", help="A file whose first line is the passphrase."
    ),
]


def read_passphrase(file: Path | None) -> bytes | None:
    """The first line of the file; None if none was given."""
    if file is None:
        return None
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise KeyFileError(f"{file} cannot be read: {error.strerror}", path=file) from error
    if not lines or not lines[0]:
        raise KeyFileError(f"{file} holds no passphrase in its first line", path=file)
    return lines[0]


def ask_new() -> bytes:
    """A passphrase typed twice."""
    return str(typer.prompt("passphrase", hide_input=True, confirmation_prompt=True)).encode()


def unlocked(path: Path, file: Path | None) -> Any:
    """The private key at the path; asks for its passphrase where there is somebody to ask."""
    from verilora.claims.keys import load_key

    try:
        return load_key(path, passphrase=read_passphrase(file))
    except KeyFileError as error:
        asks = error.facts.get("needs_passphrase") and file is None and sys.stdin.isatty()
        if not asks:
            raise
    typed = typer.prompt(f"passphrase of {path.name}", hide_input=True, err=True)
    return load_key(path, passphrase=str(typed).encode())
