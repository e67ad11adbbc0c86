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
    """List the recipes by name, with their bases and tasks."""
    from rich.table import Table

    from verilora.recipes import catalog

    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("name", "base", "task", "title"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "name")
    recipes = [catalog.load(name) for name in catalog.names()]
    for recipe in recipes:
        task = recipe.task.name or recipe.task.kind or ""
        table.add_row(recipe.name, recipe.model.id, task, recipe.title)
    terminal.tell(
        table,
        [
            {"name": r.name, "base": r.model.id, "task": r.task.to_mapping(), "title": r.title}
            for r in recipes
        ],
    )


def show(terminal: Terminal, recipe: RecipeName, *, settings: Settings = None) -> None:
    """Print a recipe as TOML, every field with its value.

    Change what you like in it and train it: verilora train mine.toml
    """
    from verilora.recipes import catalog

    resolved = catalog.load(recipe, settings or ())
    terminal.tell(catalog.write(resolved).decode(), resolved.to_mapping())
