"""Where a training starts, and whether the paper's started there too."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from verilora.errors import RecipeError, VeriloraError
from verilora.recipes.check import check_recipe
from verilora.recipes.targets import find_target
from verilora.records.recipe import Recipe
from verilora.records.target import Account, Likeness, Target
from verilora.train.start import directory_of
from verilora.verdict.contrast import ASIDE

OWN = {"seed", "modules_to_save"}
"""Fields of an adapter that say nothing of how it was trained."""


def likeness_of_start(target: Target, recipe: Recipe) -> tuple[Likeness, str]:
    """Whether training starts where the paper's did, and where it starts in words.

    An adapter is the paper's if it was trained on the same task, on all of its examples, by the
    recipe that the paper (or its scripts) gives for that cell; the run's recipe.toml shows that.
    """
    start = recipe.training.start
    if start is None:
        likeness: Likeness = "same" if target.start == "pretrained" else "different"
        return likeness, "the pretrained weights, with a fresh adapter"
    place = directory_of(start)
    results = _results_in(place)
    task = results.get("task")
    if task is None:
        return "unknown", "an adapter that does not say what it was trained on"
    told = f"an adapter trained on {task}"
    if target.start == "pretrained" or task != target.start_task:
        return "different", told
    likeness, how = _likeness_of_making(_cell_of(target, task), results, place=place)
    return likeness, f"{told}{how}"


def _likeness_of_making(
    cell: Target | None, results: dict[str, Any], *, place: Path
) -> tuple[Likeness, str]:
    if cell is None:
        return "unknown", "; how the paper trained it is not known here"
    wanted = (cell.train_rows, cell.reported.items)
    rows = (results.get("train_rows"), results.get("validation_rows"))
    if rows != wanted:
        told = " and ".join(map(str, rows))
        return "different", f" (examples: {told}, not {' and '.join(map(str, wanted))})"
    recipe = _recipe_of(place, results.get("recipe_digest"))
    if recipe is None:
        return "unknown", "; nothing shows how (name the directory of its run, with recipe.toml)"
    ways = [_differing(recipe, account) for account in cell.accounts.values()]
    if not ways or not all(ways):
        return "same", " as the paper's was"
    return "different", f", but with another {', '.join(ways[0])}"


def _cell_of(target: Target, task: str) -> Target | None:
    """The cell of the same row whose adapter the paper started from."""
    try:
        return find_target("/".join([*target.name.split("/")[:-1], task]))
    except RecipeError:
        return None


def _recipe_of(place: Path, digest: object) -> Recipe | None:
    """The recipe beside an adapter, if it is the one that the adapter names."""
    try:
        found = check_recipe(tomllib.loads((place.parent / "recipe.toml").read_text("utf-8")), "it")
    except (OSError, ValueError, VeriloraError):
        return None
    return found if found.digest == digest else None


def _differing(recipe: Recipe, account: Account) -> list[str]:
    """What the account states and the recipe does otherwise."""
    ours, theirs = _stated(recipe), _stated(account.recipe)
    names = sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name))
    return [name.partition(".")[2] for name in names if name not in account.silent]


def _stated(recipe: Recipe) -> dict[str, Any]:
    training, adapter = recipe.training.to_mapping(), recipe.adapter.to_mapping()
    return {
        "model.id": recipe.model.id,
        "model.base": recipe.model.base,
        **{f"training.{name}": value for name, value in training.items() if name not in ASIDE},
        **{f"adapter.{name}": value for name, value in adapter.items() if name not in OWN},
    }


def _results_in(place: Path) -> dict[str, Any]:
    try:
        facts = json.loads((place / "verilora.json").read_bytes())
    except (OSError, ValueError):
        return {}
    results = facts.get("results") if isinstance(facts, dict) else None
    return results if isinstance(results, dict) else {}
