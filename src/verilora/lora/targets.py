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
from verilora.lora.quantised import foreign
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


class _Search:
    """One config on one model: its modules under every path, and the faults found so far.

    A module with several paths goes by its first.
    """

    def __init__(self, model: nn.Module, config: LoraConfig) -> None:
        self.model, self.config = model, config
        self.every = {p: m for p, m in model.named_modules(remove_duplicate=False) if p}
        self.first = {id(module): path for path, module in model.named_modules()}
        read = modules_read(model)
        modules = [(p, m) for p, m in self.every.items() if self.first[id(m)] == p]
        self.ways = {p: way for p, m in modules if (way := way_for(m, is_read=id(m) in read))}
        self.faults: list[str] = []
        self.whole = self._whole_modules()
        self.held = {id(m): w for w in self.whole for m in model.get_submodule(w).modules()}

    def firsts(self, paths: Iterable[str]) -> list[str]:
        """First paths of the modules at `paths`, each once."""
        return list(dict.fromkeys(self.first[id(self.every[path])] for path in paths))

    def _whole_modules(self) -> tuple[str, ...]:
        paths: dict[str, None] = {}
        for name in self.config.modules_to_save:
            hits = [path for path in self.every if matches(name, path)]
            if not hits:
                near = _near(name, self.every)
                self.faults.append(f"modules_to_save '{name}' matches no module{near}")
            elif all(next(self.every[path].parameters(), None) is None for path in hits):
                self.faults.append(f"modules_to_save '{name}' ({hits[0]}) has nothing to train")
            paths.update(dict.fromkeys(self.firsts(hits)))
        return tuple(p for p in self.every if p in paths and not any(_inside(p, q) for q in paths))


def resolve(model: nn.Module, config: LoraConfig) -> Resolved:
    """The modules to adapt and to train whole, in the model's own order.

    A module with several paths goes by its first one and may be named by any. `layers` and
    `exclude_modules` hold for bare parameters too.
    Raises TargetError with every name, pattern, layer and exclusion that matches nothing.
    """
    search = _Search(model, config)
    found = [*_targets(search), *_bare_parameters(search)]
    found = _without_excluded(found, search)
    found = _in_layers(found, search)
    _check_overlap(found, search)
    _check_patterns(found, search)
    if not found and not search.faults:
        packed = [foreign.refuse_others(m, p) for p, m in search.every.items()]
        search.faults.append(next(filter(None, packed), "nothing is left to adapt"))
    if search.faults:
        raise TargetError("the model has no such part", search.faults)
    order = {path: index for index, path in enumerate(search.every)}
    found.sort(key=lambda match: order.get(match.path, -1))
    return Resolved(tuple(found), search.whole, search.ways)


def layer_index(path: str) -> int | None:
    """The first number in a dotted path: "encoder.layer.3.query" is in layer 3."""
    return next((int(part) for part in path.split(".") if part.isdigit()), None)


def _targets(search: _Search) -> list[Match]:
    wanted = search.config.target_modules
    if wanted == ALL_LINEAR:
        return [Match(path, "weight", ALL_LINEAR) for path in _all_linear(search)]
    if isinstance(wanted, str):
        hits = search.firsts(path for path in search.every if re.fullmatch(wanted, path))
        hits = [path for path in hits if path in search.ways]
        if not hits:
            told = f"target_modules {wanted!r} (a regular expression) matches no layer"
            search.faults.append(told)
        return [Match(path, "weight", wanted) for path in hits]
    found: dict[str, Match] = {}
    for name in wanted:
        hits = [path for path in search.every if path == name or path.endswith(f".{name}")]
        if not hits:
            near = _near(name, search.ways)
            search.faults.append(f"target_modules '{name}' matches no module{near}")
        for path in search.firsts(hits):
            if path in search.ways:
                found.setdefault(path, Match(path, "weight", name))
            else:
                search.faults.append(_cannot_adapt(name, path, search=search))
    return list(found.values())


def _cannot_adapt(name: str, path: str, *, search: _Search) -> str:
    kind = type(search.every[path]).__name__
    packed = foreign.refuse_others(search.every[path], path)
    if packed:
        return f"target_modules '{name}': {packed}"
    inner = sorted({p.rsplit(".", 1)[-1] for p in search.ways if _inside(p, path)})
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


def _all_linear(search: _Search) -> Iterator[str]:
    for path in linears_of_body(search.model, search.ways):
        if id(search.every[path]) not in search.held:
            yield path


def linears_of_body(model: nn.Module, paths: Iterable[str]) -> Iterator[str]:
    """Those of the paths that lead to linear layers of the body: no head, no output embeddings."""
    output = _output_embeddings(model)
    body = getattr(model, "base_model_prefix", "")
    # A model with a named body keeps its task heads beside it.
    named = body and isinstance(getattr(model, body, None), nn.Module)
    for path in paths:
        module = model.get_submodule(path)
        linear = isinstance(module, nn.Linear) or is_conv1d_of_gpt2(module)
        in_body = path.startswith(f"{body}.") if named else not HEAD_NAMES & set(path.split("."))
        if linear and in_body and module is not output:
            yield path


def _output_embeddings(model: nn.Module) -> nn.Module | None:
    try:
        return getattr(model, "get_output_embeddings", lambda: None)()
    except NotImplementedError:  # a model without words
        return None


def _bare_parameters(search: _Search) -> list[Match]:
    names = dict(search.model.named_parameters(remove_duplicate=False))
    found: dict[tuple[str, str], Match] = {}
    for wanted in search.config.target_parameters:
        hits = [name for name in names if name == wanted or name.endswith(f".{wanted}")]
        if not hits:
            search.faults.append(
                f"target_parameters '{wanted}' matches nothing{_near(wanted, names)}"
            )
        for name in hits:
            path, _, parameter = name.rpartition(".")
            path = search.firsts([path])[0] if path else ""
            found.setdefault((path, parameter), Match(path, parameter, wanted, bare=True))
    return list(found.values())


def _without_excluded(found: list[Match], search: _Search) -> list[Match]:
    excluded = search.config.exclude_modules
    if excluded is None or not found:
        return found
    hit: set[Match] = set()
    for name in (excluded,) if isinstance(excluded, str) else excluded:
        these = {match for match in found if any(matches(name, own) for own in match.names)}
        if not these:
            near = _near(name, [own for match in found for own in match.names])
            search.faults.append(f"exclude_modules '{name}' excludes nothing{near}")
        hit |= these
    return [match for match in found if match not in hit]


def _in_layers(found: list[Match], search: _Search) -> list[Match]:
    layers = search.config.layers
    if layers is None or not found:
        return found
    present = {layer_index(match.path) for match in found} - {None}
    missing = [str(index) for index in layers if index not in present]
    if missing:
        listed = ", ".join(str(index) for index in sorted(i for i in present if i is not None))
        search.faults.append(
            f"layers {', '.join(missing)} hold no target; there are {listed or 'none'}"
        )
        return found  # for the checks that follow
    return [match for match in found if layer_index(match.path) in layers]


def _check_overlap(found: list[Match], search: _Search) -> None:
    bare = {match.path for match in found if match.bare}
    for match in found:
        holder = search.held.get(id(search.every.get(match.path)))
        if holder is not None:
            search.faults.append(
                f"{match.path} is a target and lies in '{holder}' of modules_to_save; it can be "
                "adapted or trained whole, not both (name it in exclude_modules?)"
            )
        if not match.bare and match.path in bare:
            search.faults.append(
                f"{match.path} is named in target_modules and in target_parameters"
            )


def _check_patterns(found: list[Match], search: _Search) -> None:
    names = [name for match in found for name in match.names]
    for field in ("rank_pattern", "alpha_pattern", "fused"):
        for key in getattr(search.config, field):
            if found and not any(matches(key, name) for name in names):
                search.faults.append(f"{field} '{key}' matches no target{_near(key, names)}")
    fused = [name for name in names if any(matches(key, name) for key in search.config.fused)]
    for key in search.config.fused_sizes:
        if found and not any(matches(key, name) for name in fused):
            search.faults.append(f"fused_sizes '{key}' matches nothing that `fused` names")


def _near(name: str, paths: Iterable[str]) -> str:
    # The last parts of paths, as many as the name has, are what a user would have typed.
    depth = name.count(".") + 1
    ends = {".".join(path.split(".")[-depth:]) for path in paths}
    return nearest(name, ends) or f"; there are {', '.join(sorted(ends)[:8])}"


def _inside(path: str, outer: str) -> bool:
    return path != outer and path.startswith(f"{outer}.")
