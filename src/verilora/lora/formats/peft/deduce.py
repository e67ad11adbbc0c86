"""A LoraConfig for a directory that has no `verilora.json`: from its tensors, which are the truth.

Every adapted module is named by its full path; rank and alpha are what the file's config states for
it. A targeted weight that is tied is untied, because PEFT adapts only the side that it names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from verilora.lora.formats.faults import few
from verilora.lora.formats.peft.names import PREFIX, parse_factor, unwrapped
from verilora.lora.formats.peft.nesting import nesting_fault
from verilora.lora.formats.peft.patterns import named_parameters, saved_paths
from verilora.lora.formats.peft.sites import base_modules
from verilora.lora.formats.peft.stated import Stated
from verilora.lora.formats.tensorfile import Entry
from verilora.lora.layers import CONVOLUTIONS, WeightAdapted, way_for
from verilora.lora.reads import modules_read
from verilora.records.adapter import DTYPES, LoraConfig, matches


@dataclass
class Deduced:
    """What the tensors' names say about the adapter."""

    modules: list[str] = field(default_factory=list)
    """Paths of the adapted modules."""
    parameters: list[str] = field(default_factory=list)
    """Full names of the parameters adapted as such."""
    whole: list[str] = field(default_factory=list)
    """Paths of the modules trained whole."""
    reversed_nesting: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)

    def config(self, model: nn.Module, stated: Stated, entries: Mapping[str, Entry]) -> LoraConfig:
        """The config that attaches this adapter; raises ConfigError if there is none."""
        modules = base_modules(model)
        targets = (*self.modules, *self.parameters)
        ranks = {t: _own_rank(modules.get(t), stated.rank_of(t)) for t in targets}
        alphas = {t: stated.alpha_at(t, rank) for t, rank in ranks.items()}
        own = {self._pattern_path(model, path): path for path in ranks}
        rank, alpha = most_common(ranks.values()), most_common(alphas.values())
        return LoraConfig(
            rank=rank,
            alpha=alpha,
            dropout=stated.dropout if self._takes_dropout(model) else 0.0,
            target_modules=_names_for(self.modules, modules),
            target_parameters=tuple(self.parameters),
            modules_to_save=tuple(_exactly(path, modules) for path in self.whole),
            rank_pattern=_patterns({key: ranks[path] for key, path in own.items()}, rank),
            alpha_pattern=_patterns({key: alphas[path] for key, path in own.items()}, alpha),
            scale_rule="rslora" if stated.root else "lora",
            init="gaussian" if stated.gaussian else "kaiming",
            tied="untie",
            dtype=_common_dtype(entries),
        )

    def _pattern_path(self, model: nn.Module, target: str) -> str:
        """What verilora matches its patterns against: a matrix is known by its module."""
        path, _, parameter = target.rpartition(".")
        if target not in self.parameters:
            return target
        weight = model.get_submodule(path)._parameters[parameter]
        return target if weight is not None and weight.dim() == 3 else path

    def _takes_dropout(self, model: nn.Module) -> bool:
        """False if a layer is adapted as a weight, where dropout of the input has no place."""
        read = modules_read(model)
        modules = [model.get_submodule(path) for path in self.modules]
        ways = [way_for(module, is_read=id(module) in read) for module in modules]
        return not self.parameters and WeightAdapted not in ways


def deduce(model: nn.Module, entries: Mapping[str, Entry], stated: Stated) -> Deduced:
    """What is adapted, by the names of the tensors; its faults are told, nothing is raised."""
    deduced = Deduced()
    factors: dict[str, dict[int, dict[str, str]]] = {}
    plain = []
    for name in entries:
        parsed = parse_factor(name)
        if parsed is None:
            plain.append(name)
        else:
            levels = factors.setdefault(parsed.path, {})
            levels.setdefault(parsed.depth, {})[parsed.factor] = name
    modules = base_modules(model)
    unknown = [path for path in factors if path not in modules]
    if unknown:
        deduced.faults.append(nesting_fault(unknown, modules))
    for path in sorted(set(factors) - set(unknown)):
        _place(deduced, path, factors[path], model, stated=stated, entries=entries)
    _whole_modules(deduced, plain, modules, stated)
    return deduced


def most_common(values: Iterable[Any]) -> Any:
    """The value that most have, the smallest of equals; 8 if there is none."""
    found = list(values)
    return min(set(found), key=lambda value: (-found.count(value), value)) if found else 8


def _place(
    deduced: Deduced,
    path: str,
    levels: Mapping[int, Mapping[str, str]],
    model: nn.Module,
    *,
    stated: Stated,
    entries: Mapping[str, Entry],
) -> None:
    module = model.get_submodule(path)
    bare = _bare_parameters(path, module, stated)
    if bare:
        _place_bare(deduced, path, levels, module, bare=bare, entries=entries)
    elif isinstance(module, nn.MultiheadAttention):
        deduced.faults.append(
            f"'{path}' is nn.MultiheadAttention, adapted as a whole: PEFT up to 0.21 adds the "
            "update of its out_proj twice (peft pull request 3774), so that what the file means "
            "is not certain"
        )
    elif set(levels) != {0}:
        deduced.faults.append(
            f"'{path}' is wrapped {max(levels) + 1} times in the file, but target_parameters of "
            "adapter_config.json names no parameter of it"
        )
    elif way_for(module) is None:
        deduced.faults.append(f"'{path}' is {type(module).__name__}, which has no weight to adapt")
    else:
        deduced.modules.append(path)


def _bare_parameters(path: str, module: nn.Module, stated: Stated) -> list[str]:
    names = {f"{path}.{name}": name for name, p in module._parameters.items() if p is not None}
    wanted = named_parameters(stated.parameters, names)
    return [short for full, short in names.items() if full in wanted]


def _place_bare(
    deduced: Deduced,
    path: str,
    levels: Mapping[int, Mapping[str, str]],
    module: nn.Module,
    *,
    bare: list[str],
    entries: Mapping[str, Entry],
) -> None:
    if set(levels) != set(range(len(bare))):
        deduced.faults.append(
            f"{few([f'{path}.{name}' for name in bare])} of target_parameters need {len(bare)} "
            f"updates of '{path}' in the file, one inside the other; found {len(levels)}"
        )
        return
    deduced.parameters += [f"{path}.{name}" for name in bare]
    outermost_last = [levels[len(bare) - 1 - i] for i in range(len(bare))]
    if not _fits(module, bare, outermost_last, entries):
        outermost_first = [levels[i] for i in range(len(bare))]
        if _fits(module, bare, outermost_first, entries):
            deduced.reversed_nesting.add(path)


def _fits(
    module: nn.Module,
    bare: list[str],
    levels: list[Mapping[str, str]],
    entries: Mapping[str, Entry],
) -> bool:
    """True if the widths of A and B are those of the parameters, taken in this order."""
    for name, level in zip(bare, levels, strict=True):
        weight = module._parameters[name]
        if weight is None or set(level) != {"A", "B"}:
            return False
        out, inner = weight.shape[-2:]
        if weight.dim() == 3 and getattr(module, "is_transposed", False):
            out, inner = inner, out
        a, b = entries[level["A"]].shape, entries[level["B"]].shape
        if len(a) != 2 or len(b) != 2 or (a[1], b[0]) != (inner, out):
            return False
    return True


def _whole_modules(
    deduced: Deduced, plain: Iterable[str], modules: Mapping[str, nn.Module], stated: Stated
) -> None:
    """The modules named in modules_to_save that are there; a name without a module is PEFT's
    habit (it adds "classifier" and "score" to every classifier) and means nothing."""
    found = saved_paths(stated.targeting.saved, modules)
    for name in plain:
        state = unwrapped(name.removeprefix(PREFIX))
        owner = state.rpartition(".")[0]
        # PEFT writes the other end of a tied module too, and does not name it.
        if stated.tied and owner in modules and ".base_layer." not in name:
            found.add(owner)
    inner = {path for path in found for outer in found if path.startswith(f"{outer}.")}
    deduced.whole = [path for path in modules if path in found - inner]


def _own_rank(module: nn.Module | None, stated_rank: int) -> int:
    """PEFT divides the rank of a grouped convolution among its groups."""
    groups = module.groups if isinstance(module, CONVOLUTIONS) else 1
    return max(1, stated_rank // groups)


def _names_for(paths: list[str], modules: Mapping[str, nn.Module]) -> tuple[str, ...] | str:
    """Full paths; a regular expression where one path is also the end of another."""
    wanted = set(paths)
    also = {p for p in modules for path in paths if p.endswith(f".{path}")} - wanted
    return "|".join(re.escape(path) for path in paths) if also else tuple(paths)


def _exactly(path: str, modules: Mapping[str, nn.Module]) -> str:
    """The path, or where it would mean others too, an expression that means it alone."""
    alone = all(other == path for other in modules if matches(path, other))
    return path if alone else f"(?:{re.escape(path)})"


def _patterns(values: Mapping[str, float], default: float) -> dict[str, float]:
    plain = {path: value for path, value in values.items() if value != default}
    clear = all(all(matches(key, path) <= (key == path) for key in plain) for path in values)
    if clear:
        return plain
    return {f"(?:{re.escape(path)})": value for path, value in values.items()}


def _common_dtype(entries: Mapping[str, Entry]) -> str:
    """The narrowest dtype that holds every factor; each keeps its own when it is filled in."""
    found = [entry.dtype for name, entry in entries.items() if parse_factor(name)]
    widest = torch.float16 if not found else found[0]
    for dtype in found:
        widest = torch.promote_types(widest, dtype)
    name = str(widest).removeprefix("torch.")
    return name if name in DTYPES else "float32"
