"""`recipes list` and `recipes show`: what verilora can train by name."""

from __future__ import annotations

import typer

from verilora.cli.command import command
from verilora.cli.runs import RecipeName, Settings
from verilora.cli.terminal import Terminal


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    group = typer.Typer(
        no_args_is_help=True,
        rich_markup_mode=None,
        help="The recipes that verilora brings.\n\nExample: verilora recipes list",
    )
    app.add_typer(group, name="recipes")
    command(group, "list", examples="verilora recipes list")(list_recipes)
    command(
        group,
        "show",
        examples="""
        verilora recipes show mrpc-minilm
        verilora recipes show mrpc-minilm > mine.toml
        """,
    )(show)


def list_recipes(terminal: Terminal) -> None:
    """List the recipes by name, with their tasks and bases."""
    from verilora.cli.summary import columns
    from verilora.recipes import catalog

    recipes = [catalog.load(name) for name in catalog.names()]
    rows = [("name", "task", "base")]
    rows += [(r.name, r.task.name or f"your own {r.task.kind}", r.model.id) for r in recipes]
    told = [{"title": r.title, "summary": catalog.describe(r), **r.to_mapping()} for r in recipes]
    terminal.tell(columns(rows, numbers=()), mapping=told)


def show(terminal: Terminal, recipe: RecipeName, *, settings: Settings = None) -> None:
    """Print a recipe as TOML, every field with its value.

    Change what you like in it and train it: verilora train mine.toml
    """
    from verilora.recipes import catalog

    resolved = catalog.load(recipe, settings or ())
    terminal.tell(catalog.to_toml(resolved).decode(), mapping=resolved.to_mapping())
