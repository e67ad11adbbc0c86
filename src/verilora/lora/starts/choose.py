"""Which start each update gets, by the config's `init`; the only place that knows all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from verilora.lora.init import initial_embedding_factors, initial_factors
from verilora.lora.layout import Layout
from verilora.lora.starts.decompose import olora, pissa
from verilora.lora.starts.eva import Components
from verilora.lora.starts.fresh import orthogonal
from verilora.lora.starts.loftq import loftq, quantised_base
from verilora.records.adapter import LoraConfig

RESIDUAL = ("pissa", "olora", "loftq")
"""Starts that are a part of the weight; their first pair is kept and written with the adapter."""


@dataclass(frozen=True)
class Start:
    """A [.., rank, in] and B [.., out, rank] in float32 on the weight's device, and the base.

    The base stays W, or becomes W - s(BA) so that nothing changes (`residual`: the pair is kept
    and subtracted, W's own bits stay), or is replaced by `weight` in the parameter's own shape.
    """

    a: Tensor
    b: Tensor
    residual: bool = False
    weight: Tensor | None = None


@dataclass(frozen=True)
class Place:
    """One update that is to begin."""

    path: str
    """Of the module, and the update's name in it: what the values are drawn by."""
    layout: Layout
    weight: Tensor
    rank: int
    scale: float
    embedding: bool
    """Its input is a token's number."""

    @property
    def matrix(self) -> Tensor:
        """The own rows of M [.., out, in]."""
        return self.layout.matrix(self.weight.detach().contiguous())

    @property
    def shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Of A and B."""
        return self.layout.a_shape(self.rank), self.layout.b_shape(self.rank)


Begin = Callable[[Place], Start]


def beginner(config: LoraConfig, components: dict[str, Components] | None = None) -> Begin:
    """The config's start as a function of the place; `components` of its path for "eva"."""

    def begin(place: Place) -> Start:
        if place.weight.is_meta:
            return blank(config)(place)
        if config.init == "eva":
            assert components is not None
            return _of_inputs(place, components[place.path.rpartition(".")[0]])
        return _STARTS[config.init](place, config)

    return begin


def blank(config: LoraConfig) -> Begin:
    """The shapes of the config's start without its values, which come from a file.

    LoftQ's base is quantised all the same: a file does not hold it.
    """

    def begin(place: Place) -> Start:
        zeros = {"dtype": torch.float32, "device": place.weight.device}
        a, b = (torch.zeros(shape, **zeros) for shape in place.shapes)
        if config.init == "loftq" and not place.weight.is_meta:
            return Start(a, b, residual=True, weight=_quantised(place, config))
        return Start(a, b, residual=config.init in RESIDUAL)

    return begin


def _zero_product(place: Place, config: LoraConfig) -> Start:
    like = {"rank": place.rank, "seed": config.seed, "path": place.path, "like": place.weight}
    if place.embedding:
        return Start(*initial_embedding_factors(place.layout, **like))
    return Start(*initial_factors(place.layout, init=config.init, **like))


def _orthogonal(place: Place, config: LoraConfig) -> Start:
    a, b = orthogonal(*place.shapes, seed=config.seed, path=place.path)
    return Start(a.to(place.weight.device), b.to(place.weight.device))


def _pissa(place: Place, _: LoraConfig) -> Start:
    a, b = pissa(place.matrix, place.rank, scale=place.scale)
    return Start(a.to(place.weight.device), b.to(place.weight.device), residual=True)


def _olora(place: Place, _: LoraConfig) -> Start:
    a, b = olora(place.matrix, place.rank)
    return Start(a.to(place.weight.device), b.to(place.weight.device), residual=True)


def _loftq(place: Place, config: LoraConfig) -> Start:
    weight, a, b = loftq(place.weight, place.rank, **_rounds(place, config))
    return Start(a, b, residual=True, weight=weight)


def _quantised(place: Place, config: LoraConfig) -> Tensor:
    return quantised_base(place.weight, place.rank, **_rounds(place, config))


def _rounds(place: Place, config: LoraConfig) -> dict[str, Any]:
    return {"layout": place.layout, "scale": place.scale, "rounds": config.loftq_rounds}


def _of_inputs(place: Place, components: Components) -> Start:
    device = place.weight.device
    a = components.vectors[: place.rank].to(device, torch.float32)
    return Start(a, torch.zeros(place.shapes[1], dtype=torch.float32, device=device))


_STARTS: dict[str, Callable[[Place, LoraConfig], Start]] = {
    "kaiming": _zero_product,
    "gaussian": _zero_product,
    "orthogonal": _orthogonal,
    "pissa": _pissa,
    "olora": _olora,
    "loftq": _loftq,
}
