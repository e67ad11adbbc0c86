"""From matches to updates: layout, rank, scale and way of each layer, checked before any change."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from verilora.errors import LayerError, told_together
from verilora.lora.fused import PartsError, fused_key, part_rows
from verilora.lora.init import initial_embedding_factors, initial_factors
from verilora.lora.layers import Adapted, EmbeddingAdapted, WeightAdapted, way_for
from verilora.lora.layout import Layout, is_floating
from verilora.lora.targets import Match, Resolved
from verilora.lora.update import LowRankUpdate, UpdateSet
from verilora.records.adapter import LoraConfig


@dataclass
class Blueprint:
    """One module to adapt: how, and where each of its updates lands."""

    path: str
    kind: str
    """Class of the module."""
    rule: str
    way: type[Adapted]
    layouts: dict[str, Layout] = field(default_factory=dict)
    """Name of the update ("weight", a fused part, a parameter) -> its layout."""
    partners: tuple[str, ...] = ()
    """Paths that get the same updates, because the weight is tied and the tie is kept."""

    def parameters(self) -> list[str]:
        """Full names of the parameters that the updates land in."""
        names = dict.fromkeys(layout.parameter for layout in self.layouts.values())
        return [f"{self.path}.{name}" for name in names]

    def new_updates(self, module: nn.Module, config: LoraConfig) -> UpdateSet:
        """Fresh updates with their initial values, on the device of the weight."""
        updates = {
            name: self._new_update(name, layout, module=module, config=config)
            for name, layout in self.layouts.items()
        }
        return UpdateSet(updates, dropout=config.dropout).train(module.training)

    def _new_update(
        self, name: str, layout: Layout, *, module: nn.Module, config: LoraConfig
    ) -> LowRankUpdate:
        weight = module._parameters[layout.parameter]
        assert weight is not None
        where = pattern_path(self.path, layout)
        start = {"rank": config.rank_of(where), "seed": config.seed, "path": f"{self.path}.{name}"}
        if issubclass(self.way, EmbeddingAdapted):
            a, b = initial_embedding_factors(layout, like=weight, **start)
        else:
            a, b = initial_factors(layout, init=config.init, like=weight, **start)
        dtype = getattr(torch, config.dtype)
        return LowRankUpdate(
            a.to(dtype),
            b.to(dtype),
            layout=layout,
            alpha=config.alpha_of(where),
            scale=config.scale(where),
        )


def pattern_path(path: str, layout: Layout) -> str:
    """What rank and alpha patterns are matched against: the module, or the bare parameter."""
    return f"{path}.{layout.parameter}" if layout.experts else path


def draw_blueprints(model: nn.Module, config: LoraConfig, resolved: Resolved) -> list[Blueprint]:
    """A blueprint for each matched module, in order; nothing is changed.

    Raises LayerError with every layer that cannot be adapted as asked.
    """
    prints: dict[str, Blueprint] = {}
    faults: list[str] = []
    for match in resolved.matches:
        fault = _refuse(model, match, config)
        if fault is None:
            blueprint = prints.setdefault(match.path, _outline(model, match))
            fault = _add_layouts(blueprint, model, match, config=config)
        if fault is not None:
            faults.append(fault)
    if faults:
        raise LayerError(
            told_together("these layers cannot be adapted as asked", faults), faults=tuple(faults)
        )
    return list(prints.values())


def _outline(model: nn.Module, match: Match) -> Blueprint:
    module = model.get_submodule(match.path)
    way = WeightAdapted if match.bare else way_for(module, _parent(model, match.path))
    assert way is not None
    return Blueprint(match.path, type(module).__name__, match.rule, way)


def _refuse(model: nn.Module, match: Match, config: LoraConfig) -> str | None:
    """Why the matched parameter cannot be adapted at all, or None."""
    if not match.path:
        return f"'{match.parameter}' belongs to the model itself, whose class must stay"
    module = model.get_submodule(match.path)
    name = f"{match.path}.{match.parameter}"
    weight = module._parameters.get(match.parameter)
    if weight is None:
        return f"{name} is not a plain parameter (parametrized or replaced); adapt it before that"
    if not is_floating(weight):
        return f"{name} is stored as {weight.dtype}; a floating-point weight is wanted"
    if "lora" in dir(module):
        return f"{match.path} has an attribute named 'lora' of its own"
    if getattr(module, "max_norm", None) is not None:
        return f"{match.path} rescales its rows while it runs (max_norm); that cannot be merged"
    way = WeightAdapted if match.bare else way_for(module, _parent(model, match.path))
    if way is WeightAdapted and config.dropout:
        return (
            f"{name} is adapted as a weight ({type(module).__name__} computes with it in its own "
            "way), where dropout of the input has no place; set dropout=0 or exclude it"
        )
    return None


def _add_layouts(
    blueprint: Blueprint, model: nn.Module, match: Match, *, config: LoraConfig
) -> str | None:
    """Adds the layouts of the match; the fault that forbids it, or None."""
    module = model.get_submodule(match.path)
    weight = module._parameters[match.parameter]
    assert weight is not None
    try:
        layouts = _layouts(model, match, weight, config=config)
    except PartsError as error:
        return str(error)
    for layout in layouts.values():
        rank = config.rank_of(pattern_path(match.path, layout))
        most = min(layout.out_features, layout.in_features)
        if rank > most:
            return (
                f"rank {rank} is above the size of {match.path} "
                f"({layout.out_features} x {layout.in_features}); at most {most}"
            )
    blueprint.layouts.update(layouts)
    return None


def _layouts(
    model: nn.Module, match: Match, weight: Tensor, *, config: LoraConfig
) -> dict[str, Layout]:
    module = model.get_submodule(match.path)
    shape = tuple(weight.shape)
    if match.bare and len(shape) == 3:
        turned = bool(getattr(module, "is_transposed", False))
        return {match.parameter: Layout(match.parameter, shape, turned, experts=shape[0])}
    if len(shape) < 2 or (match.bare and len(shape) > 3):
        raise PartsError(f"{match.path}.{match.parameter} has shape {shape}; 2-D or 3-D is wanted")
    way = way_for(module, _parent(model, match.path))
    layout = Layout(match.parameter, shape, bool(way and stores_transposed(module)))
    key = None if match.bare else fused_key(match.path, config)
    if key is None:
        return {match.parameter: layout}
    rows = part_rows(key, layout.out_features, config=config, model=model)
    return {
        part: Layout("weight", shape, layout.transposed, rows=span) for part, span in rows.items()
    }


def stores_transposed(module: nn.Module) -> bool:
    """True for the layers whose weight is [in, out]: embeddings and GPT-2's Conv1D."""
    return isinstance(module, nn.Embedding) or not isinstance(
        module, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d
    )


def _parent(model: nn.Module, path: str) -> nn.Module:
    return model.get_submodule(path.rpartition(".")[0])
