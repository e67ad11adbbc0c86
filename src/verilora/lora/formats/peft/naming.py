"""Naming: how a LoraConfig says which modules are meant, and no others.

For adapters that come without a config of verilora's, and for configs whose expressions would be
refused when they are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from torch import nn

from verilora.lora.blueprint import pattern_path
from verilora.lora.formats.peft.inventory import Inventory
from verilora.lora.formats.peft.patterns import wildness
from verilora.lora.formats.peft.sites import base_modules
from verilora.records.adapter import LoraConfig, matches


def every_path(model: nn.Module) -> dict[str, str]:
    """Path -> first path of its module: some modules have several. Without the updates."""
    first = {id(module): path for path, module in base_modules(model).items()}
    modules = model.named_modules(remove_duplicate=False)
    return {path: first[id(module)] for path, module in modules if id(module) in first}


def names_for(
    wanted: Sequence[str], every: Mapping[str, str], *, own: Sequence[str] = ()
) -> tuple[str, ...] | str:
    """The shortest `target_modules` that means the wanted paths alone.

    The `own` names if they do, the last parts of the paths, the paths, or, where one path is
    another's end, an expression.
    """
    meant: dict[str, set[str]] = {}
    for path, first in every.items():
        parts = path.split(".")
        for start in range(len(parts)):
            meant.setdefault(".".join(parts[start:]), set()).add(first)
    last = dict.fromkeys(path.rpartition(".")[2] for path in wanted)
    for names in ([name for name in own if name in meant], [*last], wanted):
        if set().union(*(meant[name] for name in names)) == set(wanted):
            return tuple(names)
    return "|".join(re.escape(path) for path in wanted)


def exactly(path: str, paths: Iterable[str]) -> str:
    """The path, or where it would mean others too, an expression that means it alone."""
    return _alone(path) if _means_others(path, paths) else path


def patterns_by_path(values: Mapping[str, Any], default: Any) -> dict[str, Any]:
    """`rank_pattern` or `alpha_pattern` in verilora's reading: plain paths where they suffice."""
    plain = {path: value for path, value in values.items() if value != default}
    if not any(_means_others(key, values) for key in plain):
        return plain
    return {_alone(path): value for path, value in values.items()}


def expressions_of(config: LoraConfig) -> Iterator[str]:
    """Every string that may run as a regular expression when the config is resolved."""
    for value in (config.target_modules, config.exclude_modules):
        if isinstance(value, str):
            yield value
    yield from config.modules_to_save
    if not isinstance(config.exclude_modules, str):
        yield from config.exclude_modules or ()
    for mapping in (config.rank_pattern, config.alpha_pattern, config.fused, config.fused_sizes):
        yield from mapping


def wild_expressions(config: LoraConfig) -> list[str]:
    """What is wrong with each expression that is not run when it comes from a file."""
    return [
        f"{pattern!r} {fault}"
        for pattern in expressions_of(config)
        for fault in [wildness(pattern)]
        # A name that is no expression at all is not used as one.
        if fault and _is_expression(pattern)
    ]


def readable_config(model: nn.Module, inventory: Inventory) -> LoraConfig:
    """The adapter's config; with plain paths if one of its expressions would not be run again."""
    config = inventory.config
    if not wild_expressions(config):
        return config
    every = every_path(model)
    pairs = [(site.path, part) for site in inventory.sites for part in site.parts]
    parts = {pattern_path(path, part.layout): part for path, part in pairs}
    bare = [block.target for block in inventory.blocks if block.bare]
    fused = [site.path for site in inventory.sites if site.parts[0].layout.rows]
    keys = {path: _key_of(path, config.fused) for path in fused}
    sizes = {path: _key_of(path, config.fused_sizes) for path in fused}
    return config.replace(
        target_modules=names_for([s.path for s in inventory.sites if not s.bare], every),
        target_parameters=tuple(bare),
        exclude_modules=None,
        layers=None,
        modules_to_save=tuple(exactly(path, every) for path in inventory.whole),
        rank_pattern=patterns_by_path({k: p.rank for k, p in parts.items()}, config.rank),
        alpha_pattern=patterns_by_path({k: p.alpha for k, p in parts.items()}, config.alpha),
        fused={_alone(path): config.fused[key] for path, key in keys.items() if key},
        fused_sizes={_alone(path): config.fused_sizes[key] for path, key in sizes.items() if key},
    )


def _key_of(path: str, mapping: Mapping[str, Any]) -> str | None:
    return next((key for key in mapping if matches(key, path)), None)


def _alone(path: str) -> str:
    return f"(?:{re.escape(path)})"


def _is_expression(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


def _means_others(key: str, paths: Iterable[str]) -> bool:
    """True if the path, taken as a pattern, may match another one too."""
    if re.fullmatch(r"[\w.]+", key) is None:
        return True
    return any(
        path != key and (path.endswith(f".{key}") or (len(path) == len(key) and matches(key, path)))
        for path in paths
    )
