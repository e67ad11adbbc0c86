"""`verify`: one word for anything signed, and an exit status for each word."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from verilora.cli.command import command
from verilora.cli.keys import TrustOption
from verilora.cli.terminal import Terminal
from verilora.errors import VerificationError

Level = Annotated[
    Literal["signature", "recompute", "evaluate", "retrain"],
    typer.Option("--level", help="How far to look; each looks at what those before it look at."),
]
SHOWN = 5
"""Names in one line."""
FACTS = ("key_ids", "differing", "faults", "notice")
"""Of what is not valid: what --json tells besides, where there is any."""
LEVELS = ("signature", "recompute", "evaluate", "retrain")


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    command(
        app,
        "verify",
        examples="""
        verilora verify runs/mrpc/adapter
        verilora verify claim.dsse.json --trust trust.dsse.json --json
        verilora verify runs/mrpc --level recompute
        """,
    )(verify)


def verify(
    terminal: Terminal,
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH",
            show_default=False,
            help="An envelope (.dsse.json), or the directory with one and the files it names.",
        ),
    ],
    *,
    trust: TrustOption = None,
    notices: Annotated[
        list[Path] | None,
        typer.Option("--notice", metavar="FILE", help="A signed retraction or the like."),
    ] = None,
    level: Level = "signature",
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="PATH", help="Evaluate on other data of the same task."),
    ] = None,
) -> None:
    """Check what somebody signed, and every file that it names.

    Offline; the trust file is all that is needed. Ends with one of eleven states, each with an
    exit status of its own; "valid" alone is 0. --level recompute computes metrics and verdict
    again from the predictions, evaluate asks the saved weights anew, retrain runs the recipe again.
    """
    from verilora.claims.verify import verify as verified

    if data is not None and level in LEVELS[:2]:
        raise typer.BadParameter("--data is for --level evaluate, which asks the saved weights")
    try:
        found = verified(path, trust, notices=notices or ())
        from verilora.cli.levels import look_further

        looked = look_further(terminal, found, wanted=LEVELS[: LEVELS.index(level) + 1], data=data)
    except VerificationError as error:
        _refuse(terminal, error, path=path)
    else:
        mapping = {**found.to_mapping(), "envelope": str(found.path), "levels": looked}
        terminal.tell(_told(found, looked), mapping=mapping)


def _refuse(terminal: Terminal, error: VerificationError, *, path: Path) -> None:
    from verilora.claims.states import EXIT_STATUS

    state = error.facts["state"]
    mapping = {"state": state, "sentence": str(error), "path": str(path)}
    mapping |= {name: error.facts[name] for name in FACTS if error.facts.get(name)}
    terminal.tell(f"{state}: {error}", mapping=mapping)
    raise typer.Exit(EXIT_STATUS[state])


def _told(found: Any, looked: dict[str, Any]) -> str:
    from verilora.cli.columns import aligned

    signers = zip(found.signers, found.key_ids, strict=True)
    rows = [
        ("valid", _headline(found)),
        ("signed by", ", ".join(f"{name} ({key_id})" for name, key_id in signers)),
        ("digest", found.digest),
    ]
    files = len(found.subjects.same)
    if files:
        rows.append(("files", f"{files} as signed"))
    if found.subjects.absent:
        rows.append(("not here", f"{_listed(found.subjects.absent)}: not looked at"))
    if found.subjects.unsigned:
        rows.append(("not signed", _listed(found.subjects.unsigned)))
    rows += [(name, told["sentence"]) for name, told in looked.items() if name != "signature"]
    rows += [("note", note) for note in found.notes]
    return aligned(rows)


def _listed(names: tuple[str, ...]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _headline(found: Any) -> str:
    record = found.record
    if found.kind == "claim":
        return f"claim {record.id}: {record.statement}"
    if found.kind == "run":
        metric = record.metrics[record.main_metric]
        told = f"{record.main_metric} {metric.value:.2f}"
        return f"run of {record.recipe}, seed {record.seed}: {told}"
    if found.kind == "adapter":
        base = record.base.name or record.base.class_name
        return f"adapter of rank {record.config['rank']} on {base}"
    if found.kind == "verdict" and record.verdict is not None:
        return f"verdict: {record.verdict.status}"
    return found.kind
