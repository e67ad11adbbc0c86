"""Which modules a config means: names, a regular expression, "all-linear", bare parameters.

Everything asked for must match something; all that does not is told in one TargetError, with the
nearest names. Nothing is changed here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from torch import nn

from verilora.errors import TargetError, nearest
from verilora.lora.layers import Adapted, is_conv1d_of_gpt2, way_for
from verilora.lora.reads import modules_read
from verilora.records.adapter import ALL_LINEAR, LoraConfig, matches

# Heads of models that do not say which of their parts is the body.
HEAD_NAMES = {"classifier", "score", "head", "lm_head", "qa_outputs", "embed_out", "output_layer"}
Ways = dict[str, type[Adapted]]


@dataclass(frozen=True)
class Match:
    """A module (and parameter of it) that the config means, and the rule that found it."""

    path: str
    parameter: str
    rule: str
    bare: bool = False
    """Named in target_parameters: adapted as a parameter, whatever its module is."""

    @property
    def names(self) -> tuple[str, ...]:
        """What patterns and exclusions may match: the module's path, or the bare parameter's."""
        return (self.path, f"{self.path}.{self.parameter}") if self.bare else (self.path,)


@dataclass(frozen=True)
class Resolved:
    """What a config means on one model."""

    matches: tuple[Match, ...]
    whole: tuple[str, ...]
    """Paths of the modules trained whole, outermost only."""
    ways: Ways
    """Path of every layer that could be adapted -> how."""


class _Tree:
    """A model's modules under every path; one with several paths goes by its first."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.every = {p: m for p, m in model.named_modules(remove_duplicate=False) if p}
        self.first = {id(module): path for path, module in model.named_modules()}
        read = modules_read(model)
        modules = [(p, m) for p, m in self.every.items() if self.first[id(m)] == p]
        self.ways = {p: way for p, m in modules if (way := way_for(m, is_read=id(m) in read))}

    def firsts(self, paths: Iterable[str]) -> list[str]:
        """First paths of the modules at `paths`, each once."""
        return list(dict.fromkeys(self.first[id(self.every[path])] for path in paths))


def resolve(model: nn.Module, config: LoraConfig) -> Resolved:
    """The modules to adapt and to train whole, in the model's own order.

    A module with several paths goes by its first one and may be named by any. `layers` and
    `exclude_modules` hold for bare parameters too.
    Raises TargetError with every name, pattern, layer and exclusion that matches nothing.
    """
    faults: list[str] = []
    tree = _Tree(model)
    whole = _whole_modules(tree, config, faults)
    held = {id(m): w for w in whole for m in model.get_submodule(w).modules()}
    found = _targets(tree, config, faults, held=held)
    found += _bare_parameters(tree, config, faults)
    found = _without_excluded(found, config, faults)
    found = _in_layers(found, config, faults)
    _check_overlap(found, tree, faults, held=held)
    _check_patterns(found, config, faults)
    if not found and not faults:
        faults.append("nothing is left to adapt")
    if faults:
        raise TargetError("the model has no such part", faults)
    order = {path: index for index, path in enumerate(tree.every)}
    found.sort(key=lambda match: order.get(match.path, -1))
    return Resolved(tuple(found), whole, tree.ways)


def layer_index(path: str) -> int | None:
    """The first number in a dotted path: "encoder.layer.3.query" is in layer 3."""
    return next((int(part) for part in path.split(".") if part.isdigit()), None)


def _whole_modules(tree: _Tree, config: LoraConfig, faults: list[str]) -> tuple[str, ...]:
    paths: dict[str, None] = {}
    for name in config.modules_to_save:
        hits = [path for path in tree.every if matches(name, path)]
        if not hits:
            faults.append(f"modules_to_save '{name}' matches no module{_near(name, tree.every)}")
        elif all(next(tree.every[path].parameters(), None) is None for path in hits):
            faults.append(f"modules_to_save '{name}' ({hits[0]}) has no parameters to train")
        paths.update(dict.fromkeys(tree.firsts(hits)))
    return tuple(p for p in tree.every if p in paths and not any(_inside(p, q) for q in paths))


def _targets(
    tree: _Tree, config: LoraConfig, faults: list[str], *, held: dict[int, str]
) -> list[Match]:
    wanted = config.target_modules
    if wanted == ALL_LINEAR:
        return [Match(path, "weight", ALL_LINEAR) for path in _all_linear(tree, held)]
    if isinstance(wanted, str):
        hits = tree.firsts(path for path in tree.every if re.fullmatch(wanted, path))
        hits = [path for path in hits if path in tree.ways]
        if not hits:
            faults.append(f"target_modules {wanted!r} (a regular expression) matches no layer")
        return [Match(path, "weight", wanted) for path in hits]
    found: dict[str, Match] = {}
    for name in wanted:
        hits = [path for path in tree.every if path == name or path.endswith(f".{name}")]
        if not hits:
            faults.append(f"target_modules '{name}' matches no module{_near(name, tree.ways)}")
        for path in tree.firsts(hits):
            if path in tree.ways:
                found.setdefault(path, Match(path, "weight", name))
            else:
                faults.append(_cannot_adapt(name, path, tree))
    return list(found.values())


def _cannot_adapt(name: str, path: str, tree: _Tree) -> str:
    kind = type(tree.every[path]).__name__
    inner = sorted({p.rsplit(".", 1)[-1] for p in tree.ways if _inside(p, path)})
    if inner:
        return (
            f"target_modules '{name}' is {kind} at {path}, which holds layers; name some of "
            f"them: {', '.join(inner)}"
        )
    return (
        f"target_modules '{name}' is {kind} at {path}, which is no layer that can be adapted "
        "(Linear, Embedding, Conv1d, Conv2d, Conv3d, GPT-2's Conv1D); a bare parameter of it can "
        "be named in target_parameters"
    )


def _all_linear(tree: _Tree, held: dict[int, str]) -> Iterator[str]:
    output = _output_embeddings(tree.model)
    body = getattr(tree.model, "base_model_prefix", "")
    # A model with a named body keeps its task heads beside it.
    named = body and isinstance(getattr(tree.model, body, None), nn.Module)
    for path in tree.ways:
        module = tree.every[path]
        linear = isinstance(module, nn.Linear) or is_conv1d_of_gpt2(module)
        in_body = path.startswith(f"{body}.") if named else not HEAD_NAMES & set(path.split("."))
        if linear and in_body and module is not output and id(module) not in held:
            yield path


def _output_embeddings(model: nn.Module) -> nn.Module | None:
    try:
        return getattr(model, "get_output_embeddings", lambda: None)()
    except NotImplementedError:  # a model without words
        return None


def _bare_parameters(tree: _Tree, config: LoraConfig, faults: list[str]) -> list[Match]:
    names = dict(tree.model.named_parameters(remove_duplicate=False))
    found: dict[tuple[str, str], Match] = {}
    for wanted in config.target_parameters:
        hits = [name for name in names if name == wanted or name.endswith(f".{wanted}")]
        if not hits:
            faults.append(f"target_parameters '{wanted}' matches nothing{_near(wanted, names)}")
        for name in hits:
            path, _, parameter = name.rpartition(".")
            path = tree.firsts([path])[0] if path else ""
            found.setdefault((path, parameter), Match(path, parameter, wanted, bare=True))
    return list(found.values())


def _without_excluded(found: list[Match], config: LoraConfig, faults: list[str]) -> list[Match]:
    excluded = config.exclude_modules
    if excluded is None or not found:
        return found
    hit: set[Match] = set()
    for name in (excluded,) if isinstance(excluded, str) else excluded:
        these = {match for match in found if any(matches(name, own) for own in match.names)}
        if not these:
            near = _near(name, [own for match in found for own in match.names])
            faults.append(f"exclude_modules '{name}' excludes nothing{near}")
        hit |= these
    return [match for match in found if match not in hit]


def _in_layers(found: list[Match], config: LoraConfig, faults: list[str]) -> list[Match]:
    if config.layers is None or not found:
        return found
    present = {layer_index(match.path) for match in found} - {None}
    missing = [str(index) for index in config.layers if index not in present]
    if missing:
        listed = ", ".join(str(index) for index in sorted(i for i in present if i is not None))
        faults.append(f"layers {', '.join(missing)} hold no target; there are {listed or 'none'}")
        return found  # for the checks that follow
    return [match for match in found if layer_index(match.path) in config.layers]


def _check_overlap(
    found: list[Match], tree: _Tree, faults: list[str], *, held: dict[int, str]
) -> None:
    bare = {match.path for match in found if match.bare}
    for match in found:
        holder = held.get(id(tree.every.get(match.path)))
        if holder is not None:
            faults.append(
                f"{match.path} is a target and lies in '{holder}' of modules_to_save; it can be "
                "adapted or trained whole, not both (name it in exclude_modules?)"
            )
        if not match.bare and match.path in bare:
            faults.append(f"{match.path} is named in target_modules and in target_parameters")


def _check_patterns(found: list[Match], config: LoraConfig, faults: list[str]) -> None:
    names = [name for match in found for name in match.names]
    for field in ("rank_pattern", "alpha_pattern", "fused"):
        for key in getattr(config, field):
            if found and not any(matches(key, name) for name in names):
                faults.append(f"{field} '{key}' matches no target{_near(key, names)}")
    fused = [name for name in names if any(matches(key, name) for key in config.fused)]
    for key in config.fused_sizes:
        if found and not any(matches(key, name) for name in fused):
            faults.append(f"fused_sizes '{key}' matches nothing that `fused` names")


def _near(name: str, paths: Iterable[str]) -> str:
    # The last parts of paths, as many as the name has, are what a user would have typed.
    depth = name.count(".") + 1
    ends = {".".join(path.split(".")[-depth:]) for path in paths}
    return nearest(name, ends) or f"; there are {', '.join(sorted(ends)[:8])}"


def _inside(path: str, outer: str) -> bool:
    return path != outer and path.startswith(f"{outer}.")
