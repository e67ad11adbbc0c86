"""`train` and `evaluate`: one run, and its numbers looked at again."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from verilora.cli.command import command
from verilora.cli.pages import draw_pages
from verilora.cli.progress import drawn
from verilora.cli.terminal import Terminal

RecipeName = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE",
        show_default=False,
        help="A TOML file, or the name of a shipped recipe (verilora recipes list).",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override a field of the recipe: training.learning_rate=1e-3. May be said again.",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Where the run goes [runs/NAME-seedSEED]."),
]
Force = Annotated[bool, typer.Option("--force", help="Replace what the directory holds.")]


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    command(
        app,
        "train",
        examples="""
        verilora train mrpc-minilm --set task.data=mrpc/ --out runs/mrpc
        verilora train my-recipe.toml --set training.seed=1
        verilora train my-recipe.toml --resume
        verilora train my-recipe.toml --show-batch
        """,
    )(train)
    command(
        app,
        "evaluate",
        examples="""
        verilora evaluate runs/mrpc
        verilora evaluate runs/mrpc --data other/mrpc --json
        """,
    )(evaluate)


def train(
    terminal: Terminal,
    recipe: RecipeName,
    *,
    settings: Settings = None,
    out: Out = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint.")] = False,
    force: Force = False,
    show_batch: Annotated[
        bool, typer.Option("--show-batch", help="Show the first batch's tokens; train nothing.")
    ] = False,
) -> None:
    """Train one run of a recipe.

    Leaves a directory with the adapter, every prediction, the curves and a report. Nothing that
    is there is overwritten without --force. Stopped at any moment, --resume goes on with the
    same result as if it had never stopped. With --show-batch nothing is trained: the tokens of
    the first batch are shown, those that are only read and not learnt in brackets.
    """
    from verilora.recipes import catalog

    resolved = catalog.load(recipe, settings or ())
    if show_batch:
        _show_batch(terminal, resolved)
        return
    directory = out or Path("runs") / f"{resolved.name}-seed{resolved.training.seed}"
    terminal.resume = _how_to_resume(recipe, settings, directory=directory)
    with drawn(terminal, resolved.name) as listen:
        from verilora.train.run import run

        finished = run(resolved, directory, resume=resume, force=force, listen=listen)
        draw_pages(directory)
    from verilora.cli.summary import run_told

    told = {"directory": str(directory), "run": finished.to_mapping()}
    terminal.tell(run_told(finished, directory), mapping=told)


def evaluate(
    terminal: Terminal,
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", show_default=False, help="The directory of a run.")
    ],
    *,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="PATH", help="Other local data of the same task."),
    ] = None,
) -> None:
    """Evaluate a run again and say whether the numbers agree.

    The saved weights answer every validation example anew. Exit status 1 if they do not agree.
    With --data the numbers are those of other data, and nothing is compared.
    """
    from verilora.charts.panels import read_run
    from verilora.cli.summary import agreement_told

    finished = read_run(directory)
    with drawn(terminal, f"evaluating {finished.recipe}") as listen:
        from verilora.train.agreement import evaluate_again

        found = evaluate_again(directory, data=None if data is None else str(data), listen=listen)
    terminal.tell(agreement_told(finished, found), mapping=found.to_mapping())
    if not found.agrees:
        raise typer.Exit(1)


def _show_batch(terminal: Terminal, recipe: Any) -> None:
    from verilora.cli.batch_told import batch_told
    from verilora.train.show import first_batch

    batch = first_batch(recipe)
    terminal.tell(*batch_told(batch), mapping=batch.to_mapping())


def _how_to_resume(recipe: str, settings: list[str] | None, *, directory: Path) -> str:
    again = ["verilora", "train", recipe, *[part for s in settings or () for part in ("--set", s)]]
    words = shlex.join([*again, "--out", str(directory), "--resume"])
    return f"all up to the last checkpoint is kept. Go on with:\n  {words}"
