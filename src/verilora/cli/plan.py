"""`plan`: what a run would train and need, before it is started."""

from __future__ import annotations

import typer

from verilora.cli.command import command
from verilora.cli.runs import RecipeName, Settings
from verilora.cli.terminal import Terminal


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    command(
        app,
        "plan",
        examples="""
        verilora plan mrpc-minilm
        verilora plan my-recipe.toml --set adapter.rank=64 --json
        """,
    )(plan)


def plan(terminal: Terminal, recipe: RecipeName, *, settings: Settings = None) -> None:
    """Tell what a run would train and the memory it would need.

    Trainable parameters exactly, memory for each phase. Nothing is trained and no weight is
    loaded: the model is run on tensors without contents.
    """
    from verilora.recipes import catalog

    resolved = catalog.load(recipe, settings or ())
    terminal.note(f"planning {resolved.name} ...")
    from verilora.train.plan import plan as planned

    found = planned(resolved)
    terminal.tell(str(found), mapping=found.to_mapping())
