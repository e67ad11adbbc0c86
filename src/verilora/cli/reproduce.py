"""`reproduce`: one cell of a paper's table, run and judged."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from verilora.cli.command import command
from verilora.cli.judge import PaperText
from verilora.cli.keeping import InRegistry, keep
from verilora.cli.pages import draw_verdict
from verilora.cli.progress import drawn_together
from verilora.cli.runs import Settings
from verilora.cli.seeds import parse_seeds
from verilora.cli.signing import leave_claim
from verilora.cli.terminal import Terminal

ANCHORS = Path("runs/anchors/anchors.json")

TargetName = Annotated[
    str,
    typer.Argument(
        metavar="TARGET",
        show_default=False,
        help="A cell: paper/table/row/column (verilora recipes list names them).",
    ),
]
As = Annotated[
    Literal["paper", "scripts"],
    typer.Option(
        "--as", help="Whose account to follow where paper and its authors' scripts differ."
    ),
]
Model = Annotated[
    str | None, typer.Option("--model", metavar="ID_OR_DIR", help="Another base than the paper's.")
]
Data = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="Local files instead of the hub.")
]
Seeds = Annotated[
    str | None,
    typer.Option("--seeds", metavar="0,1,…", help="One run each [as many as the paper's, from 0]."),
]
Limit = Annotated[
    int | None,
    typer.Option("--limit", min=1, metavar="N", help="The first N examples of each split alone."),
]
Start = Annotated[
    Path | None,
    typer.Option("--start", metavar="ADAPTER", help="An adapter that training goes on from."),
]
Margin = Annotated[
    float | None,
    typer.Option(
        "--margin", metavar="POINTS", help="Half the width of what counts as the same [by rule]."
    ),
]

Also = Annotated[
    list[str] | None,
    typer.Option(
        "--also", metavar="COLUMN", help="Another cell of the row, by the same runs. Repeatable."
    ),
]
Want = Annotated[
    Literal["reproduced", "not_reproduced", "partial"] | None,
    typer.Option("--want", help="Refuse to begin if this verdict is out of reach."),
]
Anchors = Annotated[
    Path | None,
    typer.Option("--anchors", metavar="FILE", help=f"What anchors came to [{ANCHORS}]."),
]
Jobs = Annotated[
    int | None, typer.Option("--jobs", min=1, help="Runs at once [as cores and memory allow].")
]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="Where all goes [runs/TARGET].")
]


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    command(
        app,
        "reproduce",
        examples="""
        verilora reproduce lora/table2/roberta-base/mrpc
        verilora reproduce lora/table2/roberta-base/cola --data cola/ --seeds 0,1,2
        verilora reproduce lora/table2/roberta-base/mrpc --set training.epochs=3 --limit 100
        verilora reproduce lora/table3/gpt2-medium/bleu --also nist --also cider --data e2e/
        """,
    )(reproduce)


def reproduce(
    terminal: Terminal,
    target: TargetName,
    *,
    teller: As = "paper",
    model: Model = None,
    data: Data = None,
    seeds: Seeds = None,
    limit: Limit = None,
    settings: Settings = None,
    start: Start = None,
    margin: Margin = None,
    also: Also = None,
    want: Want = None,
    paper_text: PaperText = None,
    anchors: Anchors = None,
    jobs: Jobs = None,
    out: Out = None,
    registry: InRegistry = True,
) -> None:
    """Reproduce one number of a paper, and judge what came out.

    First it is written down what will be done (preregistration.json), then every seed is run, then
    the verdict follows by rules. What differs from the paper is found and recorded; the verdict
    can be no stronger than that allows. Stopped at any moment, the same command goes on.
    """
    from verilora.recipes.targets import find_target

    wish = {
        "target": find_target(target),
        "teller": teller,
        "model": model,
        "data": None if data is None else str(data),
        "seeds": None if seeds is None else parse_seeds(seeds),
        "limit": limit,
        "settings": tuple(settings or ()),
        "start": None if start is None else str(start),
        "margin": margin,
    }
    names = [target, *(f"{target.rpartition('/')[0]}/{column}" for column in also or ())]
    wishes = [{**wish, "target": find_target(name)} for name in names]
    directory = out or Path("runs") / (names[0] if also is None else _row(target)).replace("/", "-")
    evidence = {"paper_text": paper_text, "anchors": anchors}
    made = _run(terminal, wishes, directory=directory, jobs=jobs, want=want, evidence=evidence)
    _tell(terminal, made, in_registry=registry)


def _row(target: str) -> str:
    return target.rpartition("/")[0]


def _run(
    terminal: Terminal,
    wishes: list[dict[str, Any]],
    *,
    directory: Path,
    jobs: int | None,
    want: str | None,
    evidence: dict[str, Path | None],
) -> dict[Path, Any]:
    """Directory -> the document of its verdict; their pictures and pages are drawn."""
    looked_at = _read(**evidence)
    terminal.note(f"looking at base and data of {wishes[0]['target'].name} ...")
    from verilora.reproduce import flow
    from verilora.reproduce.wish import Wish

    ready, places = _prepared([Wish(**wish) for wish in wishes], directory, jobs=jobs)
    for one in ready:
        flow.foresee(one, want)  # what cannot be is said before anything is written
    late = [note for place in places for note in _too_late(evidence, place)]
    for note in dict.fromkeys([*(note for one in ready for note in one.notes), *late]):
        terminal.note(f"note: {note}")
    terminal.resume = "all up to the last checkpoints is kept; the same command goes on"
    with drawn_together(terminal) as listen:
        documents = _made(
            ready,
            directory,
            listen=listen,
            registered=lambda pre, place: terminal.note(_announced(pre, place)),
            evidence=flow.Evidence(**looked_at),
        )
    for place in places:
        draw_verdict(place)
    return dict(zip(places, documents, strict=True))


def _prepared(
    wishes: list[Any], directory: Path, *, jobs: int | None
) -> tuple[list[Any], list[Path]]:
    """What was found for each wish, and where its reproduction goes."""
    from verilora.reproduce import flow
    from verilora.reproduce.together import place_of, prepare_together

    if len(wishes) == 1:
        return [flow.prepare(wishes[0], workers=jobs)], [directory]
    ready = prepare_together(wishes, workers=jobs)
    return ready, [place_of(one, directory).path for one in ready]


def _made(ready: list[Any], directory: Path, *, registered: Any, **given: Any) -> list[Any]:
    from verilora.reproduce import flow
    from verilora.reproduce.together import reproduce_together

    if len(ready) == 1:
        one = ready[0]

        def tell(pre: Any) -> None:
            registered(pre, directory)

        return [flow.reproduce(one.wish, directory, ready=one, registered=tell, **given)]

    def tell_each(pre: Any) -> None:
        registered(pre, directory / pre.plan.target.rpartition("/")[2])

    return reproduce_together(ready, directory, registered=tell_each, **given)


def _tell(terminal: Terminal, made: dict[Path, Any], *, in_registry: bool) -> None:
    from verilora.verdict.tell import tell

    parts, mappings = [], []
    for directory, document in made.items():
        signed = leave_claim(terminal, directory, document=document)
        if in_registry:
            signed = f"{signed}\n\n{keep(directory)}".rstrip()
        told = tell(document, directory=str(directory))
        parts += [told, f"\n{_places(directory)}\n\n{signed}"]
        mappings.append(document.to_mapping())
    # One document is an object by itself, as it has always been; several are a list.
    terminal.tell(*parts, mapping=mappings[0] if len(mappings) == 1 else mappings)


def _read(*, paper_text: Path | None, anchors: Path | None) -> dict[str, Any]:
    """What the gates look at, before anything is run: a fault in it costs no time."""
    from verilora.paper_text import read_paper
    from verilora.records.anchor import read_report

    chosen = anchors or (ANCHORS if ANCHORS.is_file() else None)
    report = read_report(_bytes_of(chosen), name=str(chosen)) if chosen else None
    return {"paper_text": read_paper(paper_text) if paper_text else None, "anchors": report}


def _too_late(evidence: dict[str, Path | None], directory: Path) -> list[str]:
    """What is given to a verdict that stands already, and how it is looked at all the same."""
    given = {name.replace("_", "-"): path for name, path in evidence.items() if path is not None}
    if not given or not (directory / "verdict.json").exists():
        return []
    flags = " ".join(f"--{name} {path}" for name, path in given.items())
    return [f"the verdict in {directory} stands as it is; verilora judge {directory} {flags}"]


def _bytes_of(path: Path) -> bytes:
    from verilora.errors import DataError

    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror}; verilora anchors run writes one",
            file=path,
            line=None,
        ) from error


def _announced(made: Any, directory: Path) -> str:
    """What is fixed before the runs, and the most that can come of them."""
    from verilora.reproduce.outlook import prospects_told

    plan = made.plan
    seeds = ", ".join(map(str, plan.seeds))
    fixed = (
        f"Fixed in {directory / 'preregistration.json'} before the first run: seeds {seeds}; "
        f"margin ±{plan.margin:.3g} ({plan.margin_source})."
    )
    return f"{textwrap.fill(fixed, 98)}\n{prospects_told(made)}\n"


def _places(directory: Path) -> str:
    from verilora.cli.summary import aligned

    rows = [
        ("page", "report.html"),
        ("picture", "verdict.png"),
        ("verdict", "verdict.json"),
        ("claim", "claim.json"),
        ("fixed before", "preregistration.json"),
    ]
    told = aligned([(name, str(directory / file)) for name, file in rows], indent="  ")
    return f"Where to look\n{told}"
