"""The shipped recipes, and any other: from TOML to a checked Recipe and back.

A recipe is inert: nothing in it is run. Knows neither data nor models.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import tomli_w

from verilora.errors import RecipeError, nearest
from verilora.recipes.check import check_recipe, to_mapping
from verilora.recipes.override import apply_overrides, merge
from verilora.records.recipe import FORMAT, Recipe

TABLE_FORMAT = "verilora.recipes/1"
"""Of a file with several recipes: what they share, and under [each.NAME] what differs."""


def names() -> tuple[str, ...]:
    """The names of all shipped recipes, sorted."""
    return tuple(sorted(_shipped()))


def load(name_or_path: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """The shipped recipe of that name, or the one in a TOML file, with "key.sub=value" overrides.

    A value is TOML (1e-3, true, ["a", "b"]); a bare word is a string, and none takes a value
    away. Paths in a recipe are relative to the current directory, wherever its file lies.
    Raises RecipeError with every fault found, and the nearest names for a misspelt one.
    """
    source, mapping = _find(str(name_or_path))
    changed = apply_overrides(mapping, overrides, source=source)
    return check_recipe(changed, source)


def to_toml(recipe: Recipe) -> bytes:
    """The whole recipe as TOML, every field but those that are None by default."""
    return tomli_w.dumps(to_mapping(recipe)).encode()


def describe(recipe: Recipe) -> str:
    """One line: what is trained, on what, how."""
    task = recipe.task.name or f"your own {recipe.task.kind}"
    training, adapter = recipe.training, recipe.adapter
    how = {
        "lora": f"LoRA r={adapter.rank} alpha={adapter.alpha:g}",
        "head": "head alone",
        "full": "full fine-tuning",
    }[training.method]
    return (
        f"{task} with {recipe.model.id}: {how}, {training.epochs:g} epoch"
        f"{'' if training.epochs == 1 else 's'} of batches of {training.batch_size} at "
        f"{training.learning_rate:g}"
    )


def _find(asked: str) -> tuple[str, Mapping[str, Any]]:
    """(what to call it in messages, its mapping)."""
    path, shipped = Path(asked).expanduser(), _shipped()
    if asked in shipped:
        return f"recipe '{asked}'", shipped[asked]
    if path.is_file():
        return f"recipe {path}", _one_of(_parse(path.name, _read(path)), path)
    raise RecipeError("recipe", [_not_found(asked, path, shipped=shipped)])


def _not_found(asked: str, path: Path, *, shipped: Mapping[str, Any]) -> str:
    looks_like_path = asked.endswith(".toml") or len(path.parts) > 1
    if not looks_like_path:
        known = ", ".join(sorted(shipped))
        return (
            f"there is no shipped recipe '{asked}'{nearest(asked, shipped)} (shipped: {known}; "
            "or give the path of a TOML file)"
        )
    if path.is_dir():
        return f"{path} is a directory; a TOML file is wanted"
    if not path.parent.is_dir():
        return f"there is no file {path}: there is no directory {path.parent}"
    beside = [item.name for item in path.parent.glob("*.toml")]
    near = nearest(path.name, beside) or nearest(path.stem, shipped)
    return f"there is no file {path}{near}"


def _shipped() -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for item in resources.files("verilora.recipes").iterdir():
        if item.name.endswith(".toml"):
            for mapping in _several(_parse(item.name, item.read_bytes())):
                found[mapping["name"]] = mapping
    return found


def _several(mapping: dict[str, Any]) -> list[Mapping[str, Any]]:
    """The recipes of a file: one, or one for each table under [each]."""
    if mapping.get("format") != TABLE_FORMAT:
        return [mapping]
    shared = {key: value for key, value in mapping.items() if key not in ("format", "each")}
    return [
        merge({**shared, "name": f"{shared['name']}-{name}"}, differing)
        for name, differing in mapping["each"].items()
    ]


def _one_of(mapping: dict[str, Any], path: Path) -> Mapping[str, Any]:
    if mapping.get("format") != TABLE_FORMAT:
        return mapping
    raise RecipeError(
        f"recipe {path}",
        [
            "the file holds several recipes; shipped ones are asked for by name (verilora recipes "
            f'list), and a file of your own holds one, with format = "{FORMAT}"'
        ],
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise RecipeError(
            f"recipe {path}", [f"the file cannot be read: {error.strerror or error}"]
        ) from error


def _parse(name: str, content: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise RecipeError(f"recipe {name}", [f"line {line} is not UTF-8"]) from error
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"recipe {name}", [f"this is not TOML: {error}"]) from error
