"""One form for each value of a config: tuples for lists, read-only mappings, whole numbers.

Takes whatever a caller or a file gives and leaves alone what it does not understand: to refuse is
the config's part, which then tells all faults at once. The standard library alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

LARGEST = 2**53 - 1
"""Whole numbers beyond it are not exact in JSON, so that a record could not be read back."""


def form_of(field: str, value: Any) -> Any:
    """The value of a LoraConfig field in the form in which it is kept."""
    return _FORMS[field](value) if field in _FORMS else value


def plain(value: Any) -> Any:
    """JSON data: dicts for mappings, lists for tuples."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return list(map(plain, value)) if isinstance(value, tuple) else value


def _names(value: Any) -> Any:
    if value is None or value == "":
        return ()
    if isinstance(value, str):
        return (value,)
    if isinstance(value, set | frozenset):
        return tuple(sorted(value, key=str))
    return _tuple(value)


def _names_or_rule(value: Any) -> Any:
    return value if isinstance(value, str) and value else _names(value)


def _tuple(value: Any) -> Any:
    kept = isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable)
    return value if kept else tuple(value)


def _number_form(value: Any) -> Any:
    # One form for 16 and 16.0: files that hold equal configs are equal to the byte.
    exact = isinstance(value, float) and value.is_integer() and abs(value) <= LARGEST
    return int(value) if exact else value


def _patterns(value: Any) -> Any:
    # Longest first, so that the order of a file's keys, which JSON does not keep, decides nothing.
    if not isinstance(value, Mapping):
        return value
    keys = sorted(value, key=lambda key: (-len(str(key)), str(key)))
    return MappingProxyType({key: _tuple(_number_form(value[key])) for key in keys})


def _sizes(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return _patterns({key: _ordered(parts) for key, parts in value.items()})


def _ordered(parts: Any) -> Any:
    if isinstance(parts, Mapping):
        return MappingProxyType(dict(parts))
    pairs = _tuple(parts)
    if not isinstance(pairs, tuple) or not all(
        isinstance(pair, Sequence) and len(pair) == 2 and isinstance(pair[0], str) for pair in pairs
    ):
        return parts
    named = dict(pairs)
    return MappingProxyType(named) if len(named) == len(pairs) else parts


_FORMS: dict[str, Callable[[Any], Any]] = {
    "alpha": _number_form,
    "rank_spread": _number_form,
    "dropout": lambda value: float(value) if type(value) is int and abs(value) <= 1 else value,
    "target_modules": _names_or_rule,
    "exclude_modules": lambda value: None if value is None else _names_or_rule(value),
    "modules_to_save": _names,
    "target_parameters": _names,
    "layers": _tuple,
    "rank_pattern": _patterns,
    "alpha_pattern": _patterns,
    "fused": _patterns,
    "fused_sizes": _sizes,
}
