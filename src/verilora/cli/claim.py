"""`claim id`, `claim new` and `claim show`: claims before they are signed, and what they say."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from verilora.cli.command import command
from verilora.cli.terminal import Terminal

# Written out, for help is told before any record is imported.
TYPES = (
    "preprint, peer-reviewed, official-blog, press-release, docs, model-card, github-release or "
    "benchmark"
)
Subject = Annotated[str, typer.Option("--subject", metavar="TEXT", help="What it is about.")]
Predicate = Annotated[
    str, typer.Option("--predicate", metavar="WORD", help="introduced_in_paper, for example.")
]
Object = Annotated[str, typer.Option("--object", metavar="TEXT", help="What is said of it.")]
Vertical = Annotated[str, typer.Option("--vertical", metavar="WORD", help="The field.")]
Given = Annotated[
    Path | None,
    typer.Argument(
        metavar="FILE",
        show_default=False,
        help="A draft (TOML or JSON), a verdict document, or a reproduction's directory.",
    ),
]
MaybeSubject = Annotated[
    str | None, typer.Option("--subject", metavar="TEXT", help="What it is about.")
]
MaybePredicate = Annotated[
    str | None, typer.Option("--predicate", metavar="WORD", help="introduced_in_paper, say.")
]
MaybeObject = Annotated[
    str | None, typer.Option("--object", metavar="TEXT", help="What is said of it.")
]
MaybeVertical = Annotated[
    str | None, typer.Option("--vertical", metavar="WORD", help="The field; ai-ml by default.")
]
Tags = Annotated[
    list[str] | None, typer.Option("--tag", metavar="SLUG", help="A tag; may be said again.")
]
Sources = Annotated[
    list[str] | None,
    typer.Option(
        "--source",
        metavar="PARTS",
        help="TYPE | PUBLISHER | TITLE | URL [| DATE [| QUOTE]]; again for each, two at least. "
        f"TYPE is {TYPES}.",
    ),
]
Texts = Annotated[
    list[str] | None,
    typer.Option("--text", metavar="N=FILE", help="The text of source N, for its quote."),
]
Confidence = Annotated[
    float | None, typer.Option("--confidence", help="Lower than the rubric's; never higher.")
]
ConfidenceReason = Annotated[
    str | None, typer.Option("--confidence-reason", metavar="TEXT", help="Why it is lower.")
]
DistinctFrom = Annotated[
    list[str] | None,
    typer.Option("--distinct-from", metavar="ID", help="A claim that it looks like, and is not."),
]
Reason = Annotated[
    list[str] | None,
    typer.Option("--reason", metavar="TEXT", help="Why it is another fact; for each of those."),
]
Among = Annotated[
    list[Path] | None,
    typer.Option("--among", metavar="PATH", help="Claims that it may not repeat; again for more."),
]
Database = Annotated[
    str | None,
    typer.Option(
        "--database", metavar="URL", help="The registry that it may not repeat [yours, if any]."
    ),
]
At = Annotated[
    str | None, typer.Option("--at", metavar="TIME", help="When it was written (UTC); now.")
]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Where it goes; claim-ID.json.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace the file that is there.")]
ClaimFile = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", show_default=False, help="A claim, or the envelope of a signed one."
    ),
]


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    group = typer.Typer(
        no_args_is_help=True,
        rich_markup_mode=None,
        help="Claims: facts and performances with what they rest on."
        "\n\nExample: verilora claim new draft.toml",
    )
    app.add_typer(group, name="claim")
    command(
        group,
        "id",
        examples="""
        verilora claim id --subject QLoRA --predicate introduced_in_paper --object "A paper (2023)"
        """,
    )(show_id)
    command(
        group,
        "new",
        examples="""
        verilora claim new draft.toml --text 1=paper.pdf
        verilora claim new runs/mrpc --out runs/mrpc/claim.json
        verilora claim new verdict.json --text 1=paper.txt
        verilora claim new --subject DoRA --predicate introduced_in_paper \\
          --object "DoRA: Weight-Decomposed Low-Rank Adaptation (Liu et al., 2024)" \\
          --source "preprint | arXiv | DoRA: Weight-Decomposed Low-Rank Adaptation | \\
            https://arxiv.org/abs/2402.09353 | 2024-02-14" \\
          --source "github-release | NVIDIA | DoRA, code | https://github.com/NVlabs/DoRA"
        """,
    )(new)
    command(group, "show", examples="verilora claim show claim-d7b97d1b93d8d8bc.json")(show)


def show_id(
    terminal: Terminal,
    *,
    subject: Subject,
    predicate: Predicate,
    object: Object,
    vertical: Vertical = "ai-ml",
) -> None:
    """Print the id of a claim: it follows from its parts alone.

    The first 16 hex digits of SHA-256 over vertical|subject|predicate|object, trimmed and in small
    letters.
    """
    from verilora.records.claim import claim_id, statement_of

    parts = {"vertical": vertical, "subject": subject, "predicate": predicate, "object": object}
    for name, part in parts.items():
        if "|" in part or not part.strip():
            found = "holds a bar (|)" if "|" in part else "is empty"
            raise typer.BadParameter(f"--{name} {found}; the bar stands between the parts of an id")
    identity = claim_id(subject, predicate, object=object, vertical=vertical)
    statement = statement_of(subject, predicate, object=object)
    terminal.tell(identity, mapping={"id": identity, **parts, "statement": statement})


def new(
    terminal: Terminal,
    file: Given = None,
    *,
    subject: MaybeSubject = None,
    predicate: MaybePredicate = None,
    object: MaybeObject = None,
    vertical: MaybeVertical = None,
    tags: Tags = None,
    sources: Sources = None,
    texts: Texts = None,
    confidence: Confidence = None,
    confidence_reason: ConfidenceReason = None,
    distinct_from: DistinctFrom = None,
    reason: Reason = None,
    among: Among = None,
    database: Database = None,
    at: At = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """Write a claim: of a fact, from a draft or flags; of a performance, from a verdict.

    The gates and the rubric of docs/claims.md hold: too few sources, a quote that does not stand in
    its source, or a fact that is there already refuse the claim, and all faults are told at once.
    What is written is canonical JSON, and not signed.
    """
    from verilora.cli.drafting import Wanted, write_claim

    given = {"subject": subject, "predicate": predicate, "object": object, "vertical": vertical}
    given |= {"tags": tags, "confidence": confidence, "confidence_reason": confidence_reason}
    wanted = Wanted(
        file=file,
        given={name: value for name, value in given.items() if value is not None},
        sources=sources or [],
        texts=texts or [],
        distinct_from=distinct_from or [],
        reasons=reason or [],
        among=among or [],
        database=database,
        at=at,
        out=out,
        force=force,
    )
    write_claim(terminal, wanted)


def show(terminal: Terminal, file: ClaimFile) -> None:
    """Show what a claim says and what it rests on. Checks no signature."""
    from verilora.cli.claim_told import claim_told
    from verilora.cli.drafts import read_claim

    claim, digest, signed = read_claim(file)
    mapping: dict[str, Any] = {"claim": claim.to_mapping(), "digest": digest, "signed": signed}
    terminal.tell(claim_told(claim, digest, signed=signed, file=file), mapping=mapping)
