"""From matches to updates: layout, rank, scale and way of each layer, checked before any change."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn

from verilora.errors import LayerError, told_together
from verilora.lora.fused import PartsError, fused_key, part_rows
from verilora.lora.layers import (
    CONVOLUTIONS,
    Adapted,
    EmbeddingAdapted,
    WeightAdapted,
    is_conv1d_of_gpt2,
)
from verilora.lora.layout import Layout, is_floating
from verilora.lora.quantised import foreign
from verilora.lora.quantised.reading import is_packed, is_transposed, shape_of, weight_of
from verilora.lora.starts import Begin, Place, Start
from verilora.lora.targets import Match, Resolved, Ways
from verilora.lora.update import LowRankUpdate, UpdateSet
from verilora.records.adapter import LoraConfig


class NewUpdates(NamedTuple):
    """The updates of one module, and the weights that their start replaces, by parameter."""

    updates: UpdateSet
    replaced: dict[str, Tensor]


@dataclass
class Blueprint:
    """One module to adapt: how, and where each of its updates lands."""

    path: str
    kind: str
    """Class of the module."""
    way: type[Adapted]
    layouts: dict[str, Layout] = field(default_factory=dict)
    """Name of the update ("weight", a fused part, a parameter) -> its layout."""
    rules: dict[str, str] = field(default_factory=dict)
    """Name of the update -> the entry of the config that matched."""
    partners: Ways = field(default_factory=dict)
    """Paths that get the same updates, because the weight is tied and the tie is kept."""

    def parameters(self) -> list[str]:
        """Full names of the parameters that the updates land in."""
        names = dict.fromkeys(layout.parameter for layout in self.layouts.values())
        return [f"{self.path}.{name}" for name in names]

    def new_updates(self, module: nn.Module, config: LoraConfig, *, begin: Begin) -> NewUpdates:
        """Updates with the values that `begin` gives them, on the device of the weight."""
        updates, replaced = {}, {}
        for name, layout in self.layouts.items():
            weight = weight_of(module, layout.parameter)
            place = self._place(name, weight=weight, config=config)
            start = begin(place)
            updates[name] = self._update(place, start, config=config)
            if start.weight is not None:
                replaced[layout.parameter] = start.weight
        found = UpdateSet(updates, dropout=config.dropout).train(module.training)
        return NewUpdates(found, replaced)

    def _place(self, name: str, *, weight: Tensor, config: LoraConfig) -> Place:
        layout = self.layouts[name]
        where = pattern_path(self.path, layout)
        return Place(
            path=f"{self.path}.{name}",
            layout=layout,
            weight=weight,
            rank=config.rank_of(where),
            scale=config.scale(where),
            embedding=issubclass(self.way, EmbeddingAdapted),
        )

    def _update(self, place: Place, start: Start, *, config: LoraConfig) -> LowRankUpdate:
        dtype = getattr(torch, config.dtype)
        alpha = config.alpha_of(pattern_path(self.path, place.layout))
        update = LowRankUpdate(
            start.a.to(dtype),
            start.b.to(dtype),
            layout=place.layout,
            alpha=alpha,
            scale=place.scale,
        )
        if start.residual:
            update.keep_start(subtracted=start.weight is None)
        if config.weight_rule == "dora":
            base = place.weight if start.weight is None else start.weight
            update.keep_magnitude(base, dtype)
        return update


def pattern_path(path: str, layout: Layout) -> str:
    """What rank and alpha patterns are matched against: the module, or the bare parameter."""
    return f"{path}.{layout.parameter}" if layout.experts else path


def draw_blueprints(model: nn.Module, config: LoraConfig, *, resolved: Resolved) -> list[Blueprint]:
    """A blueprint for each matched module, in order; nothing is changed.

    Raises LayerError with every layer that cannot be adapted or trained whole as asked.
    """
    prints: dict[str, Blueprint] = {}
    faults = [(path, fault) for path in resolved.whole for fault in _untrainable(model, path)]
    for match in resolved.matches:
        fault = _refuse(model, match, config=config, ways=resolved.ways)
        if fault is None:
            outline = _outline(model, match, way=_way(match, resolved.ways))
            blueprint = prints.setdefault(match.path, outline)
            fault = _add_layouts(blueprint, model, match=match, config=config)
        if fault is not None:
            faults.append((match.path, fault))
    if faults:
        paths, told = zip(*faults, strict=True)
        message = told_together("these layers cannot be adapted as asked", told)
        raise LayerError(message, path=paths[0], paths=paths, faults=told)
    return list(prints.values())


def refuse_module(model: nn.Module, path: str, *, parameter: str = "weight") -> str | None:
    """Why a parameter of the module at `path` can be adapted in no way, or None."""
    module = model.get_submodule(path)
    name = f"{path}.{parameter}"
    weight = module._parameters.get(parameter)
    if weight is None:
        return f"{name} is not a plain parameter (parametrized or replaced); adapt it before that"
    if isinstance(weight, nn.UninitializedParameter):
        return f"{name} has no shape yet; run the model once before"
    if is_packed(module) and parameter == "weight":
        return foreign.refuse(module, path)
    if not is_floating(weight):
        return f"{name} is stored as {weight.dtype}; a floating-point weight is wanted"
    if hasattr(type(weight), "__tensor_flatten__"):
        return (
            f"{name} is a {type(weight).__name__} (quantised or spread over machines); a plain "
            "tensor is wanted, so adapt it before that"
        )
    if "lora" in dir(module):
        return f"{path} has an attribute named 'lora' of its own"
    if getattr(module, "max_norm", None) is not None:
        return f"{path} rescales its rows while it runs (max_norm); that cannot be merged"
    if isinstance(module, nn.RNNBase):
        return f"{path} ({type(module).__name__}) keeps its weights in a list that it runs from"
    return None


def _way(match: Match, ways: Ways) -> type[Adapted]:
    return WeightAdapted if match.bare else ways[match.path]


def _outline(model: nn.Module, match: Match, *, way: type[Adapted]) -> Blueprint:
    return Blueprint(match.path, type(model.get_submodule(match.path)).__name__, way)


def _refuse(model: nn.Module, match: Match, *, config: LoraConfig, ways: Ways) -> str | None:
    """Why the matched parameter cannot be adapted as the config asks, or None."""
    if not match.path:
        return f"'{match.parameter}' belongs to the model itself, whose class must stay"
    fault = refuse_module(model, match.path, parameter=match.parameter)
    fault = fault or _refuse_packed(model, match, config=config, ways=ways)
    if fault is None and config.dropout:
        return refuse_dropout(model, match.path, way=_way(match, ways))
    return fault


def _refuse_packed(model: nn.Module, match: Match, *, config: LoraConfig, ways: Ways) -> str | None:
    """Why a quantised weight cannot be adapted so, or None."""
    if not is_packed(model.get_submodule(match.path)):
        return None
    if _way(match, ways) is WeightAdapted:
        return (
            f"{match.path} is quantised, and can be adapted only where it is called as a layer; "
            "exclude it, or keep the base whole"
        )
    if config.init == "loftq":
        return (
            f'{match.path} is quantised already, and init "loftq" quantises the base itself; keep '
            "the base whole, or take another init"
        )
    return None


def refuse_dropout(model: nn.Module, path: str, *, way: type[Adapted]) -> str | None:
    """Why dropout of the adapter's input is not possible there, or None.

    An embedding has no input to drop from, whatever its way.
    """
    module = model.get_submodule(path)
    if way is not WeightAdapted or isinstance(module, nn.Embedding):
        return None
    return (
        f"{path} is adapted as a weight ({type(module).__name__} computes with it in its own way, "
        "or another module reads it), where dropout of the input has no place; set dropout=0 or "
        "exclude it"
    )


def _untrainable(model: nn.Module, path: str) -> list[str]:
    """Why a module cannot be trained whole."""
    return [
        f"{path}.{name} of modules_to_save is stored as {parameter.dtype} and cannot be trained"
        for name, parameter in model.get_submodule(path).named_parameters()
        if not is_floating(parameter)
    ]


def _add_layouts(
    blueprint: Blueprint, model: nn.Module, *, match: Match, config: LoraConfig
) -> str | None:
    """Adds the layouts of the match; the fault that forbids it, or None."""
    try:
        layouts = _layouts(model, match, config=config)
    except PartsError as error:
        return str(error)
    for name, layout in layouts.items():
        rank = config.rank_of(pattern_path(match.path, layout))
        most = min(layout.out_features, layout.in_features)
        if rank > most:
            return (
                f"rank {rank} is above the size of {match.path} "
                f"({layout.out_features} x {layout.in_features}); at most {most}: give it one of "
                "its own in rank_pattern, or exclude it"
            )
        if not UpdateSet.takes_name(name):
            return f"{match.path}: an update cannot be named '{name}'; choose another name"
    blueprint.layouts.update(layouts)
    blueprint.rules.update(dict.fromkeys(layouts, match.rule))
    return None


def _layouts(model: nn.Module, match: Match, *, config: LoraConfig) -> dict[str, Layout]:
    module = model.get_submodule(match.path)
    shape = shape_of(module, match.parameter)
    key = next((k for name in match.names if (k := fused_key(name, config))), None)
    if match.bare and len(shape) == 3 and key is None and not isinstance(module, CONVOLUTIONS):
        turned = bool(getattr(module, "is_transposed", False))
        return {match.parameter: Layout(match.parameter, shape, turned, experts=shape[0])}
    if len(shape) < 2 or (len(shape) > 2 and not isinstance(module, CONVOLUTIONS)):
        raise PartsError(f"{match.path}.{match.parameter} has shape {shape}; 2-D or 3-D is wanted")
    layout = Layout(match.parameter, shape, stores_transposed(module))
    if key is None:
        return {match.parameter: layout}
    if match.bare or len(shape) != 2 or isinstance(module, nn.Embedding):
        raise PartsError(
            f"fused '{key}' means {match.path}, which is no Linear or GPT-2 Conv1D: only their "
            "parts can be adapted"
        )
    rows = part_rows(match.path, layout.out_features, config=config, model=model)
    return {
        part: Layout("weight", shape, layout.transposed, rows=span) for part, span in rows.items()
    }


def stores_transposed(module: nn.Module) -> bool:
    """True for the layers whose weight is [in, out]: embeddings and GPT-2's Conv1D."""
    return isinstance(module, nn.Embedding) or is_conv1d_of_gpt2(module) or is_transposed(module)
