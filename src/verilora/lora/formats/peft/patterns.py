"""How PEFT reads the names in its config: which modules they mean, which rank and alpha rule.

The same rules serve both ways: to write names that mean there what is meant here, and to hold a
file's names against its tensors. Regular expressions from a file are looked at before they run.
Source: peft 0.21.2, tuners/tuners_utils.py (check_target_module_exists), utils/other.py
(get_pattern_key, _set_trainable).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

MOST_REPEATS = 5
LONGEST_PATTERN = 10_000


@dataclass(frozen=True)
class Targeting:
    """The entries of a PEFT config that choose modules."""

    names: tuple[str, ...] | str | None
    excluded: tuple[str, ...] | str = ()
    saved: tuple[str, ...] = ()
    layers: tuple[int, ...] | None = None
    layers_pattern: tuple[str, ...] = ()

    def picks(self, paths: Iterable[str]) -> set[str]:
        """The paths that PEFT would adapt."""
        return {path for path in paths if self._named(path) and not self._left_out(path)}

    def _named(self, path: str) -> bool:
        if self.names is None:
            return False
        if isinstance(self.names, str):
            return re.fullmatch(self.names, path) is not None
        if path in self.names:
            return True
        return _ends_with(path, self.names) and self._in_layers(path)

    def _in_layers(self, path: str) -> bool:
        if self.layers is None:
            return True
        if self.layers_pattern:
            tries = [rf"(?:^|.*?\.){p}\.(?P<idx>\d+)\." for p in self.layers_pattern]
        else:
            tries = [r".*?\.[^.]*\.(?P<idx>\d+)\."]
        found = next((match for match in (re.match(t, path) for t in tries) if match), None)
        return found is not None and int(found["idx"]) in self.layers

    def _left_out(self, path: str) -> bool:
        if isinstance(self.excluded, str):
            excluded = re.fullmatch(self.excluded, path) is not None
        else:
            excluded = path in self.excluded or _ends_with(path, self.excluded)
        return excluded or any(re.match(rf"(^|.*\.){m}($|\..*)", path) for m in self.saved)


def saved_paths(names: Iterable[str], paths: Iterable[str]) -> set[str]:
    """The modules that PEFT would train whole: those whose path ends with a name, dot or not."""
    endings = tuple(names)
    return {path for path in paths if endings and path.endswith(endings)}


def named_parameters(names: Sequence[str], full_names: Iterable[str]) -> set[str]:
    """The parameters that `target_parameters` means."""
    return {name for name in full_names if name in names or _ends_with(name, names)}


def value_for(path: str, patterns: Mapping[str, Any], *, default: Any) -> Any:
    """The rank or alpha that PEFT takes for a path: the first pattern that matches its end."""
    return next((value for key, value in patterns.items() if _at_end(key).match(path)), default)


def patterns_for(values: Mapping[str, Any], default: Any) -> dict[str, Any]:
    """`rank_pattern` or `alpha_pattern` that gives each path its value, in PEFT's reading.

    Plain paths of those that differ from the default; where a plain path would mean others too,
    all paths, escaped and anchored.
    """
    plain = {path: value for path, value in sorted(values.items()) if value != default}
    if not any(_fault(path) for path in plain) and _gives(plain, values, default=default):
        return plain
    return {f"^{re.escape(path)}": value for path, value in sorted(values.items())}


def wildness(pattern: str) -> str | None:
    """Why a regular expression from a file is not run; None if it may be.

    Refused: what is no regular expression, a repeated group and more than five repeats in a row,
    with which a short text can keep a machine busy for ever.
    """
    if len(pattern) > LONGEST_PATTERN:
        return f"has {len(pattern):,} characters; at most {LONGEST_PATTERN:,} are read"
    fault = _fault(pattern)
    if fault:
        return f"is no regular expression ({fault})"
    repeats = _repeats(pattern)
    if repeats is None:
        return "repeats a group, which can take for ever to match; name the modules instead"
    if repeats > MOST_REPEATS:
        return f"has {repeats} repeats in a row, which can take for ever; name the modules instead"
    return None


def _gives(patterns: Mapping[str, Any], values: Mapping[str, Any], *, default: Any) -> bool:
    return all(
        value_for(path, patterns, default=default) == value for path, value in values.items()
    )


def _fault(pattern: str) -> str | None:
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        return str(error)
    return None


def _repeats(pattern: str) -> int | None:
    """The most unbounded repeats along one alternative; None if a group is repeated."""
    plain = re.sub(r"\\.", "x", pattern, flags=re.DOTALL)
    plain = re.sub(r"\[\^?\]?[^\]]*\]", "x", plain)
    if re.search(r"\)[*+{]", plain):
        return None
    most, along = [0], [0]
    for character in plain:
        if character == "(":
            most.append(0)
            along.append(0)
        elif character == ")":
            if len(along) == 1:
                return None  # a bracket that only a comment or a flag explains
            inner = max(most.pop(), along.pop())
            along[-1] += inner
        elif character == "|":
            most[-1], along[-1] = max(most[-1], along[-1]), 0
        elif character in "*+{":
            along[-1] += 1
    return max(most[-1], along[-1])


@lru_cache(maxsize=1 << 14)  # re's own cache is too small for a pattern for each layer
def _at_end(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(.*\.)?({pattern})$")


def _ends_with(path: str, names: Iterable[str]) -> bool:
    return any(path.endswith(f".{name}") for name in names)
