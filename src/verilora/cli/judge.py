"""`judge`: any verdict document, ours or another's, held against the rules."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from verilora.cli.command import command
from verilora.cli.terminal import Terminal
from verilora.errors import DataError

STDIN = "-"


@dataclass
class Looked:
    """What is judged, and what it is judged with; `recomputed` for a reproduction's directory."""

    document: Any
    paper_text: str | None = None
    anchors: Any = None
    recomputed: Any = None


Document = Annotated[
    str,
    typer.Argument(
        metavar="PATH",
        show_default=False,
        help="A verdict document (JSON), a reproduction's directory, or - for stdin.",
    ),
]
PaperText = Annotated[
    Path | None,
    typer.Option("--paper-text", metavar="FILE", help="The paper (.txt, .pdf), for its quote."),
]
Preregistration = Annotated[
    Path | None,
    typer.Option("--preregistration", metavar="FILE", help="What was fixed before the runs."),
]
Anchors = Annotated[
    Path | None,
    typer.Option("--anchors", metavar="FILE", help="What anchors came to where it was run."),
]


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    command(
        app,
        "judge",
        examples="""
        verilora judge runs/mrpc
        verilora judge verdict.json --paper-text paper.pdf
        verilora judge - --json < verdict.json
        """,
    )(judge)


def judge(
    terminal: Terminal,
    path: Document,
    *,
    paper_text: PaperText = None,
    preregistration: Preregistration = None,
    anchors: Anchors = None,
) -> None:
    """Judge a verdict by the rules, from the numbers in it.

    Nothing that a document says of itself is taken on trust, and nothing is raised: level,
    statistics, score and confidence are computed again. Of a reproduction's directory everything
    is computed again from the predictions on; exit status 1 if its files do not fit together.
    """
    looked = _look(path)
    if paper_text is not None:
        looked.paper_text = _read_paper(paper_text)
    if anchors is not None:
        looked.anchors = _read_anchors(anchors)
    _judge(terminal, looked, pre=None if preregistration is None else _read_plan(preregistration))


def _judge(terminal: Terminal, looked: Looked, *, pre: Any) -> None:
    from verilora.verdict.judge import judge as judged
    from verilora.verdict.tell import tell_judgement

    document, found = looked.document, looked.recomputed
    given = {"paper_text": looked.paper_text, "anchors": looked.anchors}
    judgement = judged(document, preregistration=pre, **given)
    told = None if found is None else {"identical": found.identical, "faults": [*found.faults]}
    mapping = {"judgement": judgement.to_mapping(), "recomputed": told}
    terminal.tell(tell_judgement(document, judgement), *_recomputed(found), mapping=mapping)
    if found is not None and found.faults:
        raise typer.Exit(1)


def _read_paper(path: Path) -> str:
    from verilora.paper_text import read_paper

    return read_paper(path)


def _look(path: str) -> Looked:
    directory = Path(path)
    if path == STDIN or not directory.is_dir():
        return Looked(_read_document(path))
    if not (directory / "preregistration.json").is_file():
        return Looked(_read_document(str(directory / "verdict.json")))
    from verilora.reproduce.directory import Place
    from verilora.reproduce.recompute import recompute

    place, found = Place(directory), recompute(directory)
    report = place.anchors()
    return Looked(
        _read_document(str(place.verdict_file)),
        paper_text=place.paper_text(),
        anchors=report.states() if report else None,
        recomputed=found,
    )


def _read_document(path: str) -> Any:
    from verilora.records.verdict import read_document

    return read_document(_bytes_of(path), name="stdin" if path == STDIN else path)


def _read_plan(path: Path) -> Any:
    """The preregistration in a file: alone, or in a document that holds one."""
    document = _read_document(str(path))
    held = document.verdicts.pre if document.verdicts else None
    found = held or document.verdict
    if found is None or found.kind != "PRE":
        raise DataError(
            f"{path} holds no preregistration; a verdict of kind PRE is wanted "
            "(preregistration.json of a reproduction)",
            file=path,
            line=None,
        )
    return found


def _read_anchors(path: Path) -> Any:
    from verilora.records.anchor import read_report

    return read_report(_bytes_of(str(path)), name=str(path)).states()


def _bytes_of(path: str) -> bytes:
    """At most one byte more than a document may have, so that a larger one is refused."""
    from verilora.records.strict_json import LONGEST

    if path == STDIN:
        return sys.stdin.buffer.read(LONGEST + 1)
    try:
        with Path(path).open("rb") as file:
            return file.read(LONGEST + 1)
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror}; a verdict document (JSON) or the directory "
            "of a reproduction is wanted",
            file=path,
            line=None,
        ) from error


def _recomputed(found: Any) -> list[str]:
    if found is None:
        return []
    if not found.faults:
        told = "Computed again from the files, predictions and all: verdict.json is the same to the"
        return [f"\n{told} byte."]
    return ["\nThe files do NOT fit together:", *(f"  - {fault}" for fault in found.faults)]
