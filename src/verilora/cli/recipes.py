"""`recipes list` and `recipes show`: what verilora can train and reproduce by name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from verilora.cli.command import command
from verilora.cli.runs import Settings
from verilora.cli.terminal import Terminal

Name = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE",
        show_default=False,
        help="A recipe's name or TOML file, or a target: paper/table/row/column.",
    ),
]


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    group = typer.Typer(
        no_args_is_help=True,
        rich_markup_mode=None,
        help="The recipes that verilora brings, and the cells of papers."
        "\n\nExample: verilora recipes list",
    )
    app.add_typer(group, name="recipes")
    command(group, "list", examples="verilora recipes list")(list_recipes)
    command(
        group,
        "show",
        examples="""
        verilora recipes show mrpc-minilm
        verilora recipes show mrpc-minilm > mine.toml
        verilora recipes show lora/table2/roberta-base/mrpc
        """,
    )(show)


def list_recipes(terminal: Terminal) -> None:
    """List the recipes, and the targets: the cells of papers' tables, also those that do not run.

    A target that does not run here says why.
    """
    from verilora.cli.summary import columns
    from verilora.cli.targets import summary_of, table_of
    from verilora.recipes import catalog
    from verilora.recipes.targets import find_target, target_names

    recipes = [catalog.load(name) for name in catalog.names()]
    rows = [("recipe", "task", "base")]
    rows += [(r.name, r.task.name or f"your own {r.task.kind}", r.model.id) for r in recipes]
    told = [{"title": r.title, "summary": catalog.describe(r), **r.to_mapping()} for r in recipes]
    targets = [find_target(name) for name in target_names()]
    terminal.tell(
        f"{columns(rows, numbers=())}\n\n{table_of(targets)}",
        mapping={"recipes": told, "targets": [summary_of(target) for target in targets]},
    )


def show(terminal: Terminal, recipe: Name, *, settings: Settings = None) -> None:
    """Print a recipe as TOML, every field with its value; or what is known of a target.

    Change what you like in a recipe and train it: verilora train mine.toml
    """
    if _is_target(recipe):
        _show_target(terminal, recipe, settings=settings or [])
        return
    from verilora.recipes import catalog

    resolved = catalog.load(recipe, settings or ())
    terminal.tell(catalog.to_toml(resolved).decode(), mapping=resolved.to_mapping())


def _is_target(name: str) -> bool:
    return "/" in name and not name.endswith(".toml") and not Path(name).exists()


def _show_target(terminal: Terminal, name: str, *, settings: list[str]) -> None:
    from verilora.cli.targets import target_told
    from verilora.recipes.targets import find_target

    target = find_target(name)
    if settings:
        raise typer.BadParameter(
            f"--set changes a recipe, and {name} is a target: say it to verilora reproduce"
        )
    terminal.tell(target_told(target), mapping=target.to_mapping())
