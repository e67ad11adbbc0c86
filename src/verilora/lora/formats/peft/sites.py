"""Sites: the adapted modules of a model, as they are or as a config would make them.

One description for both, so that a file is checked against a model before the model is changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from verilora.lora.attachment import attachment_of, each_update_set, updates_of
from verilora.lora.blueprint import Blueprint, pattern_path
from verilora.lora.layers import CONVOLUTIONS
from verilora.lora.layout import Layout
from verilora.lora.starts.choose import RESIDUAL
from verilora.lora.update import LowRankUpdate, UpdateSet
from verilora.records.adapter import LoraConfig

Factors = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Part:
    """One update of one parameter: where it lands and how strongly."""

    name: str
    layout: Layout
    rank: int
    alpha: float
    scale: float
    started: bool = False
    """It began as a part of the weight: the file has its pair, and the first one with a minus."""
    rescales: bool = False
    """It has a magnitude (DoRA)."""

    @property
    def stored_rank(self) -> int:
        """Of the pair [A; A₀], [B, -B₀] in the file, which fits the untouched base."""
        return 2 * self.rank if self.started else self.rank

    def facts(self) -> dict[str, Any]:
        """Plain JSON data, for `verilora.json`."""
        layout = self.layout
        return {
            "parameter": layout.parameter,
            "shape": list(layout.shape),
            "rows": list(layout.rows) if layout.rows else None,
            "experts": layout.experts,
            "transposed": layout.transposed,
            "rank": self.rank,
            "alpha": self.alpha,
            "scale": self.scale,
            **({"started": True} if self.started else {}),
        }


@dataclass(frozen=True)
class Site:
    """One adapted module."""

    path: str
    module: nn.Module
    parts: tuple[Part, ...]
    partners: tuple[str, ...]
    """Paths of the modules that carry the same update on the same weight."""
    bare: bool
    """Adapted parameter by parameter, whatever the module does with them."""

    def facts(self) -> dict[str, Any]:
        """Plain JSON data, for `verilora.json`."""
        parts = {part.name: part.facts() for part in self.parts}
        return {"updates": parts, "tied": list(self.partners)}


def attached_sites(model: nn.Module) -> list[Site]:
    """The adapted modules of a model that has an adapter. Raises StateError if it has none."""
    attachment = attachment_of(model)
    sites = []
    for path, updates in each_update_set(model):
        layer, module = attachment.layers[path], model.get_submodule(path)
        parts = tuple(_attached_part(name, updates) for name in updates)
        bare = _is_bare(module, layer.rules.values(), config=attachment.config)
        sites.append(Site(path, module, parts, layer.partners, bare))
    return sites


def planned_sites(
    model: nn.Module, prints: Sequence[Blueprint], *, config: LoraConfig
) -> list[Site]:
    """The adapted modules that attaching `config` would give."""
    sites = []
    for planned in prints:
        path, module = planned.path, model.get_submodule(planned.path)
        parts = tuple(
            _planned_part(path, name, layout=layout, config=config)
            for name, layout in planned.layouts.items()
        )
        bare = _is_bare(module, planned.rules.values(), config=config)
        sites.append(Site(path, module, parts, tuple(planned.partners), bare))
    return sites


def factors_of(model: nn.Module, site: Site) -> dict[str, Factors]:
    """Name of each part -> its A and B as they lie on the model; copies where it is started."""
    return {name: _stored(update) for name, update in named_updates(model, site).items()}


def named_updates(model: nn.Module, site: Site) -> dict[str, LowRankUpdate]:
    """Name of each part -> its update on the model."""
    updates = updates_of(model, site.path)
    found = {}
    for part in site.parts:
        update = updates[part.name]
        assert isinstance(update, LowRankUpdate)
        found[part.name] = update
    return found


def _stored(update: LowRankUpdate) -> Factors:
    if not update.started:
        return update.A, update.B
    with torch.no_grad():
        return torch.cat([update.A, update.A0], -2), torch.cat([update.B, -update.B0], -1)


def base_modules(model: nn.Module) -> Mapping[str, nn.Module]:
    """Path -> module of the user's own model, without the updates in it; each module once."""
    found: dict[str, nn.Module] = {}
    skipped = "."
    for path, module in model.named_modules():
        if isinstance(module, UpdateSet):
            skipped = f"{path}."
        if path and not f"{path}.".startswith(skipped):
            found[path] = module
    return found


def _attached_part(name: str, updates: UpdateSet) -> Part:
    update = updates[name]
    assert isinstance(update, LowRankUpdate)
    facts = update.rank, update.alpha, update.scale, update.started, update.rescales
    return Part(name, update.layout, *facts)


def _planned_part(path: str, name: str, *, layout: Layout, config: LoraConfig) -> Part:
    where = pattern_path(path, layout)
    numbers = config.rank_of(where), config.alpha_of(where), config.scale(where)
    return Part(name, layout, *numbers, config.init in RESIDUAL, config.weight_rule == "dora")


def _is_bare(module: nn.Module, rules: Iterable[str], *, config: LoraConfig) -> bool:
    # PEFT knows the bare kernel of a convolution only as the convolution's own update.
    if isinstance(module, CONVOLUTIONS):
        return False
    return any(r in config.target_parameters and r not in config.target_modules for r in rules)
