"""Which modules a config means: names, a regular expression, "all-linear", bare parameters.

Everything asked for must match something; all that does not is told in one TargetError, with the
nearest names. Nothing is changed here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from verilora.errors import TargetError, nearest
from verilora.lora.layers import way_for
from verilora.records.adapter import ALL_LINEAR, LoraConfig, matches

# Heads of models that do not say which of their parts is the body.
HEAD_NAMES = {"classifier", "score", "head", "lm_head", "qa_outputs", "embed_out", "output_layer"}


@dataclass(frozen=True)
class Match:
    """A module (and parameter of it) that the config means, and the rule that found it."""

    path: str
    parameter: str
    rule: str
    bare: bool = False
    """Named in target_parameters: adapted as a parameter, whatever its module is."""


@dataclass(frozen=True)
class Resolved:
    """What a config means on one model."""

    matches: tuple[Match, ...]
    whole: tuple[str, ...]
    """Paths of the modules trained whole, outermost only."""


def resolve(model: nn.Module, config: LoraConfig) -> Resolved:
    """The modules to adapt and to train whole, in the model's own order.

    Raises TargetError with every name, pattern, layer and exclusion that matches nothing.
    """
    faults: list[str] = []
    modules = {path: module for path, module in model.named_modules() if path}
    whole = _whole_modules(modules, config, faults)
    found = _targets(model, modules, config, faults, whole=whole)
    found = _without_excluded(found, config, faults)
    found = _in_layers(found, config, faults)
    found += _bare_parameters(model, config, faults)
    _check_overlap(found, whole, faults)
    _check_patterns(found, config, faults)
    if not found and not faults:
        faults.append("nothing is left to adapt after exclusions and layers")
    if faults:
        raise TargetError("the model has no such part", faults)
    order = {path: index for index, path in enumerate(modules)}
    return Resolved(tuple(sorted(found, key=lambda match: order.get(match.path, -1))), whole)


def layer_index(path: str) -> int | None:
    """The first number in a dotted path: "encoder.layer.3.query" is in layer 3."""
    return next((int(part) for part in path.split(".") if part.isdigit()), None)


def _whole_modules(
    modules: dict[str, nn.Module], config: LoraConfig, faults: list[str]
) -> tuple[str, ...]:
    paths: list[str] = []
    for name in config.modules_to_save:
        hits = [path for path in modules if matches(name, path)]
        if not hits:
            faults.append(f"modules_to_save '{name}' matches no module{_near(name, modules)}")
        paths.extend(hits)
    outermost = [p for p in dict.fromkeys(paths) if not any(_inside(p, q) for q in paths)]
    return tuple(path for path in modules if path in set(outermost))


def _targets(
    model: nn.Module,
    modules: dict[str, nn.Module],
    config: LoraConfig,
    faults: list[str],
    *,
    whole: tuple[str, ...],
) -> list[Match]:
    wanted = config.target_modules
    adaptable = {path: m for path, m in modules.items() if way_for(m, _parent(model, path))}
    if wanted == ALL_LINEAR:
        return [
            Match(path, "weight", ALL_LINEAR)
            for path in _all_linear(model, adaptable)
            if not any(path == w or _inside(path, w) for w in whole)
        ]
    if isinstance(wanted, str):
        hits = [path for path in adaptable if re.fullmatch(wanted, path)]
        if not hits:
            faults.append(f"target_modules {wanted!r} (a regular expression) matches no layer")
        return [Match(path, "weight", wanted) for path in hits]
    found: dict[str, Match] = {}
    for name in wanted:
        hits = [path for path in modules if path == name or path.endswith(f".{name}")]
        if not hits:
            faults.append(f"target_modules '{name}' matches no module{_near(name, adaptable)}")
        for path in hits:
            if path in adaptable:
                found.setdefault(path, Match(path, "weight", name))
            else:
                faults.append(_cannot_adapt(name, path, modules[path], adaptable))
    return list(found.values())


def _cannot_adapt(name: str, path: str, module: nn.Module, adaptable: dict[str, nn.Module]) -> str:
    inner = sorted({p.rsplit(".", 1)[-1] for p in adaptable if _inside(p, path)})
    hint = f"; name a layer inside it: {', '.join(inner)}" if inner else ""
    return f"target_modules '{name}' is {type(module).__name__} at {path}, not a layer{hint}"


def _all_linear(model: nn.Module, adaptable: dict[str, nn.Module]) -> Iterator[str]:
    output = getattr(model, "get_output_embeddings", lambda: None)()
    body = getattr(model, "base_model_prefix", "")
    # A model with a named body keeps its task heads beside it.
    inside = f"{body}." if body and isinstance(getattr(model, body, None), nn.Module) else None
    for path, module in adaptable.items():
        linear = isinstance(module, nn.Linear) or type(module).__name__ == "Conv1D"
        head = not path.startswith(inside) if inside else bool(HEAD_NAMES & set(path.split(".")))
        if linear and not head and module is not output:
            yield path


def _without_excluded(found: list[Match], config: LoraConfig, faults: list[str]) -> list[Match]:
    excluded = config.exclude_modules
    if excluded is None or not found:
        return found
    for name in (excluded,) if isinstance(excluded, str) else excluded:
        hit = {match.path for match in found if matches(name, match.path)}
        if not hit:
            paths = {match.path: None for match in found}
            faults.append(f"exclude_modules '{name}' excludes nothing{_near(name, paths)}")
        found = [match for match in found if match.path not in hit]
    return found


def _in_layers(found: list[Match], config: LoraConfig, faults: list[str]) -> list[Match]:
    if config.layers is None or not found:
        return found
    present = {layer_index(match.path) for match in found} - {None}
    missing = [str(index) for index in config.layers if index not in present]
    if missing:
        listed = ", ".join(str(index) for index in sorted(i for i in present if i is not None))
        faults.append(f"layers {', '.join(missing)} hold no target; there are {listed or 'none'}")
    return [match for match in found if layer_index(match.path) in config.layers]


def _bare_parameters(model: nn.Module, config: LoraConfig, faults: list[str]) -> list[Match]:
    names = dict(model.named_parameters(remove_duplicate=False))
    found: dict[str, Match] = {}
    for wanted in config.target_parameters:
        hits = [name for name in names if name == wanted or name.endswith(f".{wanted}")]
        if not hits:
            faults.append(f"target_parameters '{wanted}' matches nothing{_near(wanted, names)}")
        for name in hits:
            path, _, parameter = name.rpartition(".")
            found.setdefault(name, Match(path, parameter, wanted, bare=True))
    return list(found.values())


def _check_overlap(found: list[Match], whole: tuple[str, ...], faults: list[str]) -> None:
    for match in found:
        holder = next((w for w in whole if match.path == w or _inside(match.path, w)), None)
        if holder is not None:
            faults.append(
                f"{match.path} is a target and lies in '{holder}' of modules_to_save; it can be "
                "adapted or trained whole, not both"
            )
    bare = {match.path for match in found if match.bare}
    for match in found:
        if not match.bare and match.path in bare:
            faults.append(f"{match.path} is named in target_modules and in target_parameters")


def _check_patterns(found: list[Match], config: LoraConfig, faults: list[str]) -> None:
    paths = [match.path for match in found] + [
        f"{match.path}.{match.parameter}" for match in found if match.bare
    ]
    for field in ("rank_pattern", "alpha_pattern", "fused", "fused_sizes"):
        for key in getattr(config, field):
            if found and not any(matches(key, path) for path in paths):
                faults.append(f"{field} '{key}' matches no target{_near(key, paths)}")


def _near(name: str, paths: dict[str, nn.Module] | dict[str, None] | list[str]) -> str:
    # The last parts of paths, as many as the name has, are what a user would have typed.
    depth = name.count(".") + 1
    ends = {".".join(path.split(".")[-depth:]) for path in paths}
    return nearest(name, ends) or f"; there are {', '.join(sorted(ends)[:8])}"


def _parent(model: nn.Module, path: str) -> nn.Module:
    return model.get_submodule(path.rpartition(".")[0])


def _inside(path: str, outer: str) -> bool:
    return path != outer and path.startswith(f"{outer}.")
