"""Whether a mapping is a recipe: every fault in plain words, by its place in the file."""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from verilora.errors import ConfigError, RecipeError, nearest
from verilora.records.adapter import LoraConfig
from verilora.records.recipe import Recipe

NONE = "none"
"""TOML has no word for "no value"; this one stands for it, in fields that may have none."""

Place = tuple[str | int, ...]

_WANTED = {
    "model_type": "a table is wanted",
    "string_pattern_mismatch": "letters, digits, '.', '_' and '-' are wanted, '/' between parts",
}
"""Words for the kinds of fault whose own are for programmers."""


def check_recipe(mapping: Mapping[str, Any], source: str) -> Recipe:
    """The recipe that the mapping describes. Raises RecipeError with all faults found."""
    try:
        return Recipe.model_validate(_without_none(mapping))
    except ValidationError as error:
        raise RecipeError(source, _faults(error)) from error


def to_mapping(recipe: Recipe) -> dict[str, Any]:
    """What `check_recipe` reads back as the same recipe: TOML's types alone."""
    mapping = recipe.to_mapping()
    for name, fields in _sections().items():
        if name not in mapping:  # a section that the format gained later, and nobody asked for
            continue
        mapping[name] = {
            key: NONE if value is None else value
            for key, value in mapping[name].items()
            if value is not None or fields[key] is not None
        }
    return mapping


def _without_none(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """None for "none" where a field may have no value."""
    changed = dict(mapping)
    for name in _sections():
        section = mapping.get(name)
        if section == NONE and Recipe.model_fields[name].default is None:
            changed[name] = None
        elif isinstance(section, Mapping):
            optional = _optional(name)
            changed[name] = {
                key: None if value == NONE and key in optional else value
                for key, value in section.items()
            }
    return changed


def _sections() -> dict[str, dict[str, Any]]:
    """Section -> field -> its default."""
    adapter = {item.name: item.default for item in dataclasses.fields(LoraConfig)}
    return {
        **{
            name: {key: field.default for key, field in model.model_fields.items()}
            for name, model in _models(Recipe).items()
        },
        "adapter": adapter,
    }


def _optional(section: str) -> set[str]:
    if section == "adapter":
        return {item.name for item in dataclasses.fields(LoraConfig) if item.default is None}
    fields = _models(Recipe)[section].model_fields
    return {key for key, field in fields.items() if type(None) in typing.get_args(field.annotation)}


def _models(model: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """The fields of `model` that are records themselves, or may be."""
    return {
        name: kind
        for name, field in model.model_fields.items()
        for kind in (field.annotation, *typing.get_args(field.annotation))
        if isinstance(kind, type) and issubclass(kind, BaseModel)
    }


def _faults(error: ValidationError) -> list[str]:
    """One sentence for each place with a fault, in the order in which they were found."""
    told: dict[str, list[str]] = {}
    for item in error.errors(include_url=False):
        for place, what in _tell(item):
            told.setdefault(place, []).append(what)
    return [f"{place}{_joined(what)}" for place, what in told.items()]


def _joined(told: list[str]) -> str:
    """Of a field that may be this or that, what each would want."""
    first, *others = told
    ends = [other.partition("should be ")[2] or other for other in others]
    return ", or ".join([first, *ends])


def _tell(item: Any) -> list[tuple[str, str]]:
    place, owner = _place(item["loc"])
    dotted = _dotted(place)
    cause = (item.get("ctx") or {}).get("error")
    if cause is not None:
        inner = cause.args[0] if cause.args else cause
        if isinstance(inner, ConfigError):
            return [(f"{dotted}: {fault}", "") for fault in inner.facts["faults"]]
        return [(f"{dotted}: " if dotted else "", str(cause))]
    if item["type"] == "extra_forbidden":
        return [(dotted, f": there is no such field{_meant(str(place[-1]), owner)}")]
    if item["type"] == "missing":
        return [(dotted, " is missing")]
    wanted = (
        _WANTED.get(item["type"])
        or re.sub(r"^\w+ should", "it should", item["msg"]).partition(",")[0]
    )
    if item["type"] == "literal_error":
        wanted = f"it should be {item['ctx']['expected']}"
    found = "a table" if isinstance(item["input"], Mapping) else repr(item["input"])
    return [(dotted, f" is {found}; {wanted}")]


def _place(loc: Place) -> tuple[Place, type[BaseModel]]:
    """Where a fault is, without pydantic's names for branches of a union; and whose field it is."""
    place: list[str | int] = []
    owner: type[BaseModel] = Recipe
    inner: type[BaseModel] | None = Recipe
    for part in loc:
        if inner is not None:
            owner = inner
            place.append(part)
            inner = _models(owner).get(str(part))
        elif isinstance(part, int):
            place.append(part)
    return tuple(place), owner


def _dotted(place: Place) -> str:
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def _meant(key: str, owner: type[BaseModel]) -> str:
    if owner is Recipe:
        homes = [name for name, fields in _sections().items() if key in fields]
        if homes:
            return f"; it belongs under {' or '.join(f'[{home}]' for home in homes)}"
    return nearest(key, owner.model_fields)
