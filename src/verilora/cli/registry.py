"""`registry add|list|search|retract|rebuild`: signed records, kept for good."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from verilora.cli.command import command
from verilora.cli.retract import Database, TrustFile, mapping_of, retract
from verilora.cli.terminal import Terminal

Limit = Annotated[int, typer.Option("--limit", min=1, max=200, help="At most so many.")]
STDIN = "-"
KINDS = ("claim", "verdict", "run", "notice", "anchors")


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    group = typer.Typer(
        no_args_is_help=True,
        rich_markup_mode=None,
        help="Signed records, kept for good.\n\nExample: verilora registry list",
    )
    app.add_typer(group, name="registry")
    command(
        group,
        "add",
        examples="""
        verilora registry add runs/mrpc/claim.dsse.json
        verilora registry add claims.jsonl --trust trust.dsse.json --require-trust
        """,
    )(add)
    command(group, "list", examples="verilora registry list --kind verdict")(list_entries)
    command(group, "search", examples='verilora registry search "low-rank adaptation"')(search)
    command(
        group,
        "retract",
        examples="""
        verilora registry retract d7b97d1b93d8d8bc --reason "the quote is of another paper"
        verilora registry retract d7b97d1b93d8d8bc --kind dispute --reason "see the link" --key mine
        """,
    )(retract)
    command(group, "rebuild", examples="verilora registry rebuild")(rebuild)


def add(
    terminal: Terminal,
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            show_default=False,
            help="Envelopes (*.dsse.json), or one on each line (*.jsonl, or - for stdin).",
        ),
    ],
    *,
    trust: TrustFile = None,
    require_trust: Annotated[
        bool, typer.Option("--require-trust", help="Refuse what no trusted key has signed.")
    ] = False,
    database: Database = None,
) -> None:
    """Take signed records in: claims, verdicts, runs, notices, anchor reports.

    What is there already stays as it is. At a record that is refused the command stops; those
    before it are kept. Without --trust signatures are not checked, and the registry says so.
    """
    from verilora.registry import open_registry

    sources = [(name, content) for file in files for name, content in _envelopes_in(file)]
    terminal.resume = "what was added stays; the same command goes on with the rest"
    with open_registry(database, door=_door(trust, require_trust=require_trust)) as registry:
        entries, url = _admit(terminal, registry, sources=sources), registry.url
    mapping = {"database": url, "entries": [mapping_of(entry) for entry in entries]}
    terminal.tell(f"{_added(entries)} in {url}", mapping=mapping)


def _door(trust: Path | None, *, require_trust: bool) -> Any:
    from verilora.registry import Door

    if trust is None and not require_trust:
        return Door()
    from verilora.claims.trust import load_trust
    from verilora.registry.trusting import door_of

    return door_of(load_trust(trust), require_trust=require_trust)


def _admit(terminal: Terminal, registry: Any, *, sources: list[tuple[str, bytes]]) -> list[Any]:
    """The entries of all; an error says where it stood, and how many were kept."""
    from verilora.cli.counting import counted
    from verilora.errors import AdmissionError, RegistryError

    entries: list[Any] = []
    with counted(terminal, "taking in", total=len(sources)) as tell:
        try:
            for entry in registry.admit_many(content for _, content in sources):
                entries.append(entry)
                tell(len(entries))
        except RegistryError as error:
            name = f"{sources[len(entries)][0]}: " if isinstance(error, AdmissionError) else ""
            raise type(error)(f"{name}{error}\n{_added(entries)}", **error.facts) from error
    return entries


def list_entries(
    terminal: Terminal,
    *,
    kind: Annotated[
        str | None, typer.Option("--kind", help=f"Only these: {', '.join(KINDS)}.")
    ] = None,
    limit: Limit = 50,
    database: Database = None,
) -> None:
    """List what the registry holds, the newest first, with what became of it."""
    from verilora.cli.summary import columns
    from verilora.registry import open_registry

    if kind is not None and kind not in KINDS:
        raise typer.BadParameter(f"--kind is {kind}; one of {', '.join(KINDS)} is wanted")
    with open_registry(database, make=False) as registry:
        page, counts, url = registry.entries(kind, limit=limit), registry.counts(), registry.url
    rows = [("", "kind", "admitted", "signature", "standing", "digest")]
    rows += [
        (str(e.sequence), e.kind, e.admitted_at[:19], e.state, e.standing, e.digest[:19])
        for e in page.items
    ]
    told = f"{counts.records:,} records in {url}"
    told = f"{columns(rows, numbers=(0,))}\n\n{told}" if page.items else told
    mapping = {"database": url, "records": counts.records}
    entries = [mapping_of(entry) for entry in page.items]
    terminal.tell(told, mapping={**mapping, "entries": entries})


def search(
    terminal: Terminal,
    text: Annotated[str, typer.Argument(metavar="TEXT", show_default=False, help="Words.")],
    *,
    min_confidence: Annotated[
        float, typer.Option("--min-confidence", min=0, max=1, help="Leave out less sure claims.")
    ] = 0.0,
    limit: Annotated[int, typer.Option("--limit", min=1, max=50, help="At most so many.")] = 10,
    database: Database = None,
) -> None:
    """Find claims by their words. That a claim is like the text says nothing about its truth."""
    from verilora.registry import open_registry

    with open_registry(database, make=False) as registry:
        hits = registry.search(text, limit=limit, min_confidence=min_confidence)
    lines = [f"{hit.claim.id}  {hit.claim.claim.statement}" for hit in hits]
    mapping = [
        {"score": hit.score, "words": list(hit.words), "claim": hit.claim.claim.to_mapping()}
        for hit in hits
    ]
    terminal.tell("\n".join(lines) or "nothing found", mapping=mapping)


def rebuild(terminal: Terminal, *, database: Database = None) -> None:
    """Make everything but the records and their log again, from these alone."""
    from verilora.cli.counting import counted
    from verilora.registry import open_registry

    with open_registry(database, make=False) as registry:
        total = registry.newest()
        with counted(terminal, "making again", total=total) as tell:
            count, url = registry.rebuild(listen=tell), registry.url
    told = f"made again from {count:,} records in {url}"
    terminal.tell(told, mapping={"database": url, "records": count})


def _envelopes_in(file: Path) -> Iterator[tuple[str, bytes]]:
    """(name to tell, bytes) of each envelope in a file."""
    from verilora.errors import DataError

    lines = file.suffix == ".jsonl" or str(file) == STDIN
    try:
        content = sys.stdin.buffer.read() if str(file) == STDIN else file.read_bytes()
    except OSError as error:
        told = f"{file} cannot be read: {error.strerror}; an envelope's file is wanted"
        raise DataError(told, file=file, line=None) from error
    if not lines:
        yield str(file), content
        return
    for number, line in enumerate(content.splitlines(), 1):
        if line.strip():
            yield f"{'stdin' if str(file) == STDIN else file}, line {number}", line


def _added(entries: list[Any]) -> str:
    new = sum(entry.is_new for entry in entries)
    known = len(entries) - new
    told = f"{new:,} added"
    return f"{told}, {known:,} there already" if known else told
