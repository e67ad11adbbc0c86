"""`registry add|list|search|retract|rebuild`: signed records, kept for good."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from verilora.cli.command import command
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
Limit = Annotated[int, typer.Option("--limit", min=1, max=200, help="At most so many.")]
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
            help="Envelopes (*.dsse.json), or one on each line (*.jsonl).",
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
    from verilora.errors import AdmissionError
    from verilora.registry import Door, open_registry

    door = Door()
    if trust is not None or require_trust:
        from verilora.claims.trust import load_trust
        from verilora.registry.trusting import door_of

        door = door_of(load_trust(trust), require_trust=require_trust)
    sources = [(name, content) for file in files for name, content in _envelopes_in(file)]
    entries: list[Any] = []
    with open_registry(database, door=door) as registry:
        try:
            for entry in registry.admit_many(content for _, content in sources):
                entries.append(entry)
        except AdmissionError as error:
            name = sources[len(entries)][0]
            told = f"{name}: {error}\n{_added(entries)}"
            raise AdmissionError(told, **error.facts) from error
        url = registry.url
    mapping = {"database": url, "entries": [_mapping_of(entry) for entry in entries]}
    terminal.tell(f"{_added(entries)} in {url}", mapping=mapping)


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
    with open_registry(database) as registry:
        page, counts, url = registry.entries(kind, limit=limit), registry.counts(), registry.url
    rows = [("", "kind", "admitted", "signature", "standing", "digest")]
    rows += [
        (str(e.sequence), e.kind, e.admitted_at[:19], e.state, e.standing, e.digest[:19])
        for e in page.items
    ]
    told = f"{counts.records:,} records in {url}"
    told = f"{columns(rows, numbers=(0,))}\n\n{told}" if page.items else told
    mapping = {"database": url, "records": counts.records}
    entries = [_mapping_of(entry) for entry in page.items]
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

    with open_registry(database) as registry:
        hits = registry.search(text, limit=limit, min_confidence=min_confidence)
    lines = [f"{hit.claim.id}  {hit.claim.claim.statement}" for hit in hits]
    mapping = [
        {"score": hit.score, "words": list(hit.words), "claim": hit.claim.claim.to_mapping()}
        for hit in hits
    ]
    terminal.tell("\n".join(lines) or "nothing found", mapping=mapping)


def retract(  # limit: one parameter for each option of the command
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
    database: Database = None,
) -> None:
    """Sign a notice about a record and take it in: a retraction, a supersession or a dispute.

    Nothing is deleted: the record stays, and says that it was retracted.
    """
    from verilora.claims.envelope import sign
    from verilora.claims.keys import find_key
    from verilora.claims.places import key_folder
    from verilora.claims.predicates import statement_of
    from verilora.registry import open_registry

    with open_registry(database) as registry:
        about = _digest_of(registry, name)
        notice = _notice(kind=kind, about=about, by=by, reason=reason)
        private = unlocked(find_key(key, key_folder()), passphrase_file)
        entry = registry.admit(sign(statement_of(notice), private))
        after = registry.entry(about)
        standing = after.standing if after else "unknown"
    told = f"{about}\nis now {standing}; the notice is {entry.digest}"
    mapping = {"about": about, "standing": standing, "notice": _mapping_of(entry)}
    terminal.tell(told, mapping=mapping)


def rebuild(terminal: Terminal, *, database: Database = None) -> None:
    """Make everything but the records and their log again, from these alone."""
    from verilora.registry import open_registry

    with open_registry(database) as registry:
        count, url = registry.rebuild(), registry.url
    told = f"made again from {count:,} records in {url}"
    terminal.tell(told, mapping={"database": url, "records": count})


def _envelopes_in(file: Path) -> Iterator[tuple[str, bytes]]:
    """(name to tell, bytes) of each envelope in a file."""
    from verilora.errors import DataError

    try:
        content = file.read_bytes()
    except OSError as error:
        told = f"{file} cannot be read: {error.strerror}; an envelope's file is wanted"
        raise DataError(told, file=file, line=None) from error
    if file.suffix != ".jsonl":
        yield str(file), content
        return
    for number, line in enumerate(content.splitlines(), 1):
        if line.strip():
            yield f"{file}, line {number}", line


def _added(entries: list[Any]) -> str:
    new = sum(entry.is_new for entry in entries)
    known = len(entries) - new
    told = f"{new:,} added"
    return f"{told}, {known:,} there already" if known else told


def _digest_of(registry: Any, name: str) -> str:
    from verilora.errors import RegistryError

    claim = None if ":" in name else registry.claim(name)
    entry = claim.entry if claim else registry.entry(name)
    if entry is None:
        raise RegistryError(
            f"the registry at {registry.url} holds no '{name}'; a claim's id or a digest is "
            "wanted: verilora registry list shows them"
        )
    return entry.digest


def _notice(**given: Any) -> Any:
    from datetime import UTC, datetime

    from verilora.records.notice import Notice
    from verilora.records.reading import record_of

    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return record_of(Notice, {**given, "made_at": now}, name="the notice")


def _mapping_of(entry: Any) -> dict[str, Any]:
    import dataclasses

    return {**dataclasses.asdict(entry), "key_ids": list(entry.key_ids)}
