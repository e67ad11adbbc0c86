"""`cite`: a claim as others cite it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from verilora.cli.claim import ClaimFile
from verilora.cli.command import command
from verilora.cli.terminal import Terminal


class Format(StrEnum):
    """The formats of `claims.cite`, which is not imported before a command runs."""

    MARKDOWN = "markdown"
    PLAIN = "plain"
    BIBTEX = "bibtex"
    RIS = "ris"
    CSL = "csl"
    CFF = "cff"


Wanted = Annotated[Format, typer.Option("--format", help="What the citation is for.")]
Url = Annotated[
    str | None, typer.Option("--url", metavar="URL", help="Where the claim stands (http, https).")
]
Author = Annotated[
    str, typer.Option("--author", metavar="NAME", help="Who is named as its author.")
]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Writes it there instead of here.")
]


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    command(
        app,
        "cite",
        examples="""
        verilora cite claim-d7b97d1b93d8d8bc.json
        verilora cite claim.dsse.json --format bibtex --url https://example.org/my-claim
        verilora cite claim.dsse.json --format cff --out CITATION.cff
        """,
    )(cite)


def cite(
    terminal: Terminal,
    file: ClaimFile,
    *,
    format: Wanted = Format.PLAIN,
    url: Url = None,
    author: Author = "verilora",
    out: Out = None,
) -> None:
    """Print a claim as a citation, in the form that is wanted.

    Each has the claim's id and the first digits of its digest; of a signed claim that of what was
    signed. Checks no signature.
    """
    from verilora.atomic import write_whole
    from verilora.claims.cite import cite as cited
    from verilora.cli.drafts import read_claim

    claim, digest, _ = read_claim(file)
    try:
        text = cited(claim, digest, format=format.value, url=url, author=author)
    except ValueError as error:
        raise typer.BadParameter(f"--{error}") from error
    told = {"id": claim.id, "digest": digest, "format": format.value, "citation": text}
    if out is None:
        terminal.tell(text, mapping=told)
        return
    write_whole(out, text.encode())
    terminal.tell(f"{out}", mapping={**told, "path": str(out)})
