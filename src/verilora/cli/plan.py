"""`plan`: what a run would train and need, before it is started."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from verilora.cli.command import command
from verilora.cli.reproduce import As, Data, Limit, Margin, Model, Seeds, Start
from verilora.cli.runs import Settings
from verilora.cli.seeds import parse_seeds
from verilora.cli.terminal import Terminal

RecipeOrTarget = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE_OR_TARGET",
        show_default=False,
        help="A recipe (name or TOML file), or a cell of a paper's table (paper/table/row/column).",
    ),
]
Measure = Annotated[
    bool,
    typer.Option("--measure", help="Take a few real steps (nothing is kept), to tell the time."),
]


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    command(
        app,
        "plan",
        examples="""
        verilora plan mrpc-minilm --measure
        verilora plan my-recipe.toml --set adapter.rank=64 --json
        verilora plan lora/table2/roberta-base/mrpc --seeds 0,1,2
        """,
    )(plan)


def plan(
    terminal: Terminal,
    recipe: RecipeOrTarget,
    *,
    settings: Settings = None,
    measure: Measure = False,
    teller: As = "paper",
    model: Model = None,
    data: Data = None,
    seeds: Seeds = None,
    limit: Limit = None,
    start: Start = None,
    margin: Margin = None,
) -> None:
    """Tell what a run would train and need, before it is started.

    Trainable parameters exactly, memory for each phase. Nothing is trained and no weight is
    loaded: the model is run on tensors without contents. For a target also what differs from the
    paper, and the chance that so many seeds can decide. All options but --set and --measure are
    for targets.
    """
    changes: dict[str, Any] = {
        "model": model,
        "data": None if data is None else str(data),
        "seeds": None if seeds is None else parse_seeds(seeds),
        "limit": limit,
        "start": None if start is None else str(start),
        "margin": margin,
    }
    if _is_target(recipe):
        wish = {**changes, "teller": teller, "settings": tuple(settings or ())}
        _plan_target(terminal, recipe, wish=wish, measure=measure)
        return
    said = [f"--{name}" for name, value in changes.items() if value is not None]
    if said:
        raise typer.BadParameter(
            f"{', '.join(said)} is for targets (paper/table/row/column), and {recipe} is a recipe: "
            "say --set KEY=VALUE"
        )
    _plan_recipe(terminal, recipe, settings=settings or [], measure=measure)


def _is_target(name: str) -> bool:
    return name.count("/") == 3 and not name.endswith(".toml") and not Path(name).exists()


def _plan_recipe(terminal: Terminal, name: str, *, settings: list[str], measure: bool) -> None:
    from verilora.recipes import catalog

    resolved = catalog.load(name, settings)
    terminal.note(f"planning {resolved.name} ...")
    from verilora.train.plan import plan as planned

    found = planned(resolved, tokens_per_second=_pace(terminal, resolved) if measure else None)
    terminal.tell(str(found), mapping=found.to_mapping())


def _plan_target(terminal: Terminal, name: str, *, wish: dict[str, Any], measure: bool) -> None:
    from verilora.recipes.targets import find_target

    target = find_target(name)
    terminal.note(f"planning {name} ...")
    from verilora.reproduce.flow import prepare
    from verilora.reproduce.outlook import outlook
    from verilora.reproduce.wish import Wish

    ready = prepare(Wish(target, **wish), weights=measure)
    pace = _pace(terminal, ready.recipe) if measure else None
    prospect = outlook(ready, tokens_per_second=pace)
    terminal.tell(prospect.as_text(), mapping=prospect.to_mapping())


def _pace(terminal: Terminal, recipe: Any) -> float:
    terminal.note("measuring the pace of a few steps ...")
    from verilora.train.pace import measure_pace

    return measure_pace(recipe)
