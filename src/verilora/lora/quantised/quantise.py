"""Quantises the linear layers of a model's body in place; heads and embeddings stay whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import nn

from verilora.errors import LayerError, MergeError, StateError
from verilora.lora.attachment import attached_part
from verilora.lora.layers import (
    Adapted,
    Conv1DAdapted,
    LinearAdapted,
    is_conv1d_of_gpt2,
    way_for,
)
from verilora.lora.quantised.frozen import FrozenLinear
from verilora.lora.quantised.packing import SCHEMES
from verilora.lora.quantised.reading import is_packed, weight_of
from verilora.lora.reads import modules_asked, modules_read
from verilora.lora.targets import linears_of_body
from verilora.lora.tied import shared_parameters


@dataclass(frozen=True)
class Quantised:
    """What was done to a model."""

    scheme: str
    layers: tuple[str, ...]
    """Paths of the layers that are packed now."""
    whole: tuple[str, ...]
    """Paths of the linear layers that are not."""


def quantise(model: nn.Module, scheme: str, *, skip: Iterable[str] = ()) -> Quantised:
    """Puts a FrozenLinear in the place of every linear layer of the body, GPT-2's Conv1D too.

    Whole stay the heads, the output embeddings, what lies at or under a path of `skip`, weights
    that other modules share, and layers whose weight (or its dtype) is read without calling them.
    The same bits wherever it is run later, since it is done where the weights lie.
    Raises LayerError if no layer is left, StateError after attach, MissingExtraError without
    bitsandbytes.
    """
    if scheme not in SCHEMES:
        raise ValueError(f"scheme is {scheme!r}; one of {', '.join(SCHEMES)} is wanted")
    if attached_part(model) is not None:
        raise StateError("the model has an adapter already; quantise it before attach")
    linear = _linears(model)
    chosen = set(linears_of_body(model, linear)) - {p for p in linear if _within(p, skip)}
    layers = tuple(path for path in linear if path in chosen)
    if not layers:
        raise LayerError(
            f"{type(model).__name__} has no linear layer in its body that could be kept as "
            f"{scheme}; keep the base whole",
            path="",
        )
    for path in layers:
        layer = model.get_submodule(path)
        _put(model, layer, new=FrozenLinear(layer, scheme))
    return Quantised(scheme, layers, tuple(path for path in linear if path not in chosen))


@torch.no_grad()
def round_as_packed(model: nn.Module, kept: Mapping[str, str]) -> None:
    """Gives each layer of `kept` (path -> scheme) the values that its weight has when packed.

    The weights stay whole, in their own dtype and place; an adapter may be attached.
    Raises LayerError for a path that leads to no linear layer.
    """
    linear = {
        path
        for path, module in model.named_modules()
        if isinstance(module, nn.Linear) or is_conv1d_of_gpt2(module)
    }
    missing = sorted(set(kept) - linear)
    if missing:
        raise LayerError(
            f"{missing[0]} was quantised when the adapter was made, and is no linear layer here",
            path=missing[0],
            paths=tuple(missing),
        )
    for path, scheme in kept.items():
        layer = model.get_submodule(path)
        weight = layer._parameters["weight"]
        assert weight is not None
        weight.copy_(weight_of(FrozenLinear(layer, scheme)))


def refuse_packed(model: nn.Module) -> None:
    """Raises MergeError if a merge would leave quantised layers, which no plain model can hold."""
    packed = [
        path
        for path, module in model.named_modules()
        if is_packed(module) and not isinstance(module, Adapted)
    ]
    settings = getattr(getattr(model, "config", None), "quantization_config", None)
    if not (packed or settings):
        return
    found = "the model was loaded quantised"
    if packed:
        found = f"{len(packed)} layers without an adapter are quantised (first: {packed[0]})"
    raise MergeError(
        f"{found}, and the merged model would not be a whole one; save the "
        "adapter, and merge it into the base loaded whole: "
        "verilora merge ADAPTER --base MODEL --out DIR",
        paths=tuple(packed),
    )


def _linears(model: nn.Module) -> list[str]:
    """Paths of the layers whose product with x is all that is made of their weight."""
    read, asked, shared = modules_read(model), modules_asked(model), shared_parameters(model)
    return [
        path
        for path, module in model.named_modules()
        if path
        and id(module) not in asked
        and way_for(module, is_read=id(module) in read) in (LinearAdapted, Conv1DAdapted)
        and f"{path}.weight" not in shared
    ]


def _within(path: str, outer: Iterable[str]) -> bool:
    return any(path == own or path.startswith(f"{own}.") for own in outer)


def _put(model: nn.Module, old: nn.Module, *, new: nn.Module) -> None:
    """In the place of `old`, under each of its paths."""
    for module in list(model.modules()):
        for name, child in list(module._modules.items()):
            if child is old:
                module._modules[name] = new
