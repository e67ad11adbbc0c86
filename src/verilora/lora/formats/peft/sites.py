"""Sites: the adapted modules of a model, as they are or as a config would make them.

One description for both, so that a file is checked against a model before the model is changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from verilora.lora.attachment import attachment_of, each_update_set, updates_of
from verilora.lora.blueprint import Blueprint, pattern_path
from verilora.lora.layers import CONVOLUTIONS
from verilora.lora.layout import Layout
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
    """Name of each part -> its A and B as they lie on the model."""
    updates = updates_of(model, site.path)
    found: dict[str, Factors] = {}
    for part in site.parts:
        update = updates[part.name]
        assert isinstance(update, LowRankUpdate)
        found[part.name] = (update.A, update.B)
    return found


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
    return Part(name, update.layout, update.rank, update.alpha, update.scale)


def _planned_part(path: str, name: str, *, layout: Layout, config: LoraConfig) -> Part:
    where = pattern_path(path, layout)
    return Part(name, layout, config.rank_of(where), config.alpha_of(where), config.scale(where))


def _is_bare(module: nn.Module, rules: Iterable[str], *, config: LoraConfig) -> bool:
    # PEFT knows the bare kernel of a convolution only as the convolution's own update.
    if isinstance(module, CONVOLUTIONS):
        return False
    return any(r in config.target_parameters and r not in config.target_modules for r in rules)
