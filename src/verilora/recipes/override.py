"""--set key.sub=value: single fields of a recipe, said beside it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from verilora.errors import RecipeError


def apply_overrides(
    mapping: Mapping[str, Any], overrides: Sequence[str], *, source: str
) -> dict[str, Any]:
    """The mapping with each "key.sub=value" put in, the last one last.

    Raises RecipeError for those that cannot be read, all together.
    """
    faults, changed = [], dict(mapping)
    for override in overrides:
        try:
            changed = merge(changed, _parse(override))
        except ValueError as error:
            faults.append(f"override '{override}': {error}")
    if faults:
        raise RecipeError(source, faults)
    return changed


def merge(mapping: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`mapping` with `changes` put in; tables are joined, anything else is replaced."""
    merged = dict(mapping)
    for key, value in changes.items():
        old = merged.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            value = merge(old, value)
        merged[key] = value
    return merged


def _parse(override: str) -> dict[str, Any]:
    key, equals, text = override.partition("=")
    key = key.strip()
    if not equals or not key or key.startswith("["):
        raise ValueError("key=value is wanted, such as training.learning_rate=1e-3")
    try:
        nested = tomllib.loads(f"{key} = 0")
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"'{key}' is no key ({error})") from error
    return _filled(nested, _value(text.strip()))


def _filled(nested: dict[str, Any], value: Any) -> dict[str, Any]:
    return {
        key: _filled(inner, value) if isinstance(inner, dict) else value
        for key, inner in nested.items()
    }


def _value(text: str) -> Any:
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError as error:
        if text[:1] in ("[", "{", '"', "'"):
            raise ValueError(
                f'{text} is not TOML ({error}); quote the strings in a list: ["query", "value"]'
            ) from error
        return text
    return parsed["value"] if len(parsed) == 1 else text
