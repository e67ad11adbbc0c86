"""A LoraConfig for a directory that has no `verilora.json`: from its tensors, which are the truth.

Rank and alpha of each adapted module are what the file's config states for it. A targeted weight
that is tied is untied, because PEFT adapts only the side that it names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from verilora.lora.formats.faults import few
from verilora.lora.formats.peft.names import PREFIX, WRAPPED, is_update, parse_factor, unwrapped
from verilora.lora.formats.peft.naming import (
    every_path,
    exactly,
    names_for,
    patterns_by_path,
)
from verilora.lora.formats.peft.nesting import nesting_fault
from verilora.lora.formats.peft.patterns import named_parameters, saved_paths
from verilora.lora.formats.peft.sites import base_modules
from verilora.lora.formats.peft.stated import Stated
from verilora.lora.formats.tensorfile import Entry
from verilora.lora.layers import CONVOLUTIONS, WeightAdapted, way_for
from verilora.lora.reads import modules_read
from verilora.records.adapter import DTYPES, LoraConfig

Levels = Mapping[int, Mapping[str, str]]
"""Wrappers around the innermost one -> "A" or "B" -> name of the tensor."""


class Deduction:
    """What the tensors' names say about the adapter; `faults` says what they cannot mean."""

    def __init__(self, model: nn.Module, entries: Mapping[str, Entry], *, stated: Stated) -> None:
        self.model = model
        self.entries = entries
        self.stated = stated
        self.present = base_modules(model)
        self.every = every_path(model)
        self.modules: list[str] = []
        """Paths of the adapted modules."""
        self.parameters: list[str] = []
        """Full names of the parameters adapted as such."""
        self.reversed_nesting: set[str] = set()
        """Modules whose file has the parameter registered first outermost."""
        self.faults: list[str] = []
        factors, plain = _sorted_names(entries)
        unknown = [path for path in factors if path not in self.present]
        if unknown:
            self.faults.append(nesting_fault(unknown, self.present))
        for path in sorted(set(factors) - set(unknown)):
            self._place(path, factors[path])
        self.whole = self._whole(plain)
        """Paths of the modules trained whole."""

    def config(self) -> LoraConfig:
        """The config that attaches this adapter; raises ConfigError if there is none."""
        stated, targets = self.stated, (*self.modules, *self.parameters)
        ranks = {target: self._rank(target) for target in targets}
        alphas = {target: stated.alpha_at(target, rank) for target, rank in ranks.items()}
        known_as = {self._pattern_path(target): target for target in targets}
        names = stated.targeting.names
        own_names = names if isinstance(names, tuple) else ()
        rank, alpha = _most_common(ranks.values()), _most_common(alphas.values())
        return LoraConfig(
            rank=rank,
            alpha=alpha,
            dropout=stated.dropout if self._takes_dropout() else 0.0,
            target_modules=names_for(self.modules, self.every, own=own_names),
            target_parameters=tuple(self.parameters),
            modules_to_save=tuple(exactly(path, self.every) for path in self.whole),
            rank_pattern=patterns_by_path({k: ranks[path] for k, path in known_as.items()}, rank),
            alpha_pattern=patterns_by_path(
                {k: alphas[path] for k, path in known_as.items()}, alpha
            ),
            scale_rule="rslora" if stated.root else "lora",
            init="gaussian" if stated.gaussian else "kaiming",
            tied="untie",
            bias=stated.bias,
            weight_rule="dora" if stated.dora else "lora",
            dtype=_common_dtype(self.entries),
        )

    def _place(self, path: str, levels: Levels) -> None:
        module = self.present[path]
        bare = self._bare_parameters(path)
        if bare:
            self._place_bare(path, levels, bare=bare)
        elif isinstance(module, nn.MultiheadAttention):
            self.faults.append(
                f"'{path}' is nn.MultiheadAttention, adapted as a whole: PEFT up to 0.21 adds the "
                "update of its out_proj twice (peft pull request 3774), so that what the file "
                "means is not certain"
            )
        elif set(levels) != {0}:
            self.faults.append(
                f"'{path}' is wrapped {max(levels) + 1} times in the file, but target_parameters "
                "of adapter_config.json names no parameter of it"
            )
        elif way_for(module) is None:
            self.faults.append(f"'{path}' is {type(module).__name__}, which has no weight to adapt")
        else:
            self.modules.append(path)

    def _bare_parameters(self, path: str) -> list[str]:
        own = self.present[path]._parameters
        names = {f"{path}.{name}": name for name, tensor in own.items() if tensor is not None}
        wanted = named_parameters(self.stated.parameters, names)
        return [short for full, short in names.items() if full in wanted]

    def _place_bare(self, path: str, levels: Levels, *, bare: Sequence[str]) -> None:
        if set(levels) != set(range(len(bare))):
            self.faults.append(
                f"{few([f'{path}.{name}' for name in bare])} of target_parameters need {len(bare)} "
                f"updates of '{path}' in the file, one inside the other; found {len(levels)}"
            )
            return
        self.parameters += [f"{path}.{name}" for name in bare]
        outermost_first = [levels[depth] for depth in range(len(bare))]
        if not self._fits(path, dict(zip(bare, reversed(outermost_first), strict=True))) and (
            self._fits(path, dict(zip(bare, outermost_first, strict=True)))
        ):
            self.reversed_nesting.add(path)

    def _fits(self, path: str, levels: Mapping[str, Mapping[str, str]]) -> bool:
        """True if the widths of A and B are those of the parameters that they are given to."""
        module = self.present[path]
        for name, level in levels.items():
            weight = module._parameters[name]
            if weight is None or weight.dim() < 2 or set(level) != {"A", "B"}:
                return False
            out, inner = weight.shape[-2:]
            if weight.dim() == 3 and getattr(module, "is_transposed", False):
                out, inner = inner, out
            a, b = self.entries[level["A"]].shape, self.entries[level["B"]].shape
            if (a[1:], b[:1]) != ((inner,), (out,)):
                return False
        return True

    def _whole(self, plain: Sequence[str]) -> list[str]:
        """The modules named in modules_to_save that are there; a name without a module is PEFT's
        habit (it adds "classifier" and "score" to every classifier) and means nothing."""
        states = [unwrapped(name.removeprefix(PREFIX)) for name in plain]
        found: set[str] = set()
        for name in self.stated.targeting.saved:
            meant = saved_paths([name], self.present)
            held = {path for path in meant if any(s.startswith(f"{path}.") for s in states)}
            found |= held or meant
        for name, state in zip(plain, states, strict=True):
            owner = state.rpartition(".")[0]
            # PEFT writes the other end of a tied module too, and does not name it.
            if self.stated.tied and owner in self.present and f".{WRAPPED}." not in name:
                found.add(owner)
        inner = {path for path in found for outer in found if path.startswith(f"{outer}.")}
        return [path for path in self.present if path in found - inner]

    def _rank(self, target: str) -> int:
        """PEFT divides the rank of a grouped convolution among its groups."""
        module = self.present.get(target)
        groups = module.groups if isinstance(module, CONVOLUTIONS) else 1
        return max(1, self.stated.rank_of(target) // groups)

    def _pattern_path(self, target: str) -> str:
        """What verilora matches its patterns against: a matrix is known by its module."""
        if target not in self.parameters:
            return target
        path, _, name = target.rpartition(".")
        weight = self.present[path]._parameters[name]
        return target if weight is not None and weight.dim() == 3 else path

    def _takes_dropout(self) -> bool:
        """False if a layer is adapted as a weight, where dropout of the input has no place."""
        read = modules_read(self.model)
        modules = [self.present[path] for path in self.modules]
        ways = [way_for(module, is_read=id(module) in read) for module in modules]
        return not self.parameters and WeightAdapted not in ways


def _sorted_names(names: Iterable[str]) -> tuple[dict[str, dict[int, dict[str, str]]], list[str]]:
    """Path -> levels of its factors; and the names of all other tensors."""
    factors: dict[str, dict[int, dict[str, str]]] = {}
    plain = []
    for name in names:
        parsed = parse_factor(name)
        if parsed is None:
            if not is_update(name):
                plain.append(name)
        else:
            levels = factors.setdefault(parsed.path, {})
            levels.setdefault(parsed.depth, {})[parsed.factor] = name
    return factors, plain


def _most_common(values: Iterable[Any]) -> Any:
    """The value that most have, the smallest of equals; 8 if there is none."""
    found = list(values)
    return min(set(found), key=lambda value: (-found.count(value), value)) if found else 8


def _common_dtype(entries: Mapping[str, Entry]) -> str:
    """The narrowest dtype that holds every factor; each keeps its own when it is filled in."""
    found = [entry.dtype for name, entry in entries.items() if parse_factor(name)]
    widest = found[0] if found else torch.float32
    for dtype in found:
        widest = torch.promote_types(widest, dtype)
    name = str(widest).removeprefix("torch.")
    return name if name in DTYPES else "float32"
