"""Adapter: what every format says in its own words, in memory and without a model.

Module paths are those of the Hugging Face model, whatever a format calls them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Pair:
    """One LoRA: ΔM = scale · BA for the matrix M [out, in] of a module."""

    a: Tensor
    """[rank, in]; of a convolution with its kernel folded into `in`."""
    b: Tensor
    """[out, rank]. Of a stack of experts both have a dimension in front."""
    scale: float
    embedding: bool = False
    """M's columns are looked up by a token: M is the table, transposed."""
    kernel: tuple[int, ...] = ()
    """(in, *sizes) of a convolution, whose product is A's width."""
    magnitude: Tensor | None = None
    """DoRA's length of each row of the effective weight, [out]."""

    @property
    def rank(self) -> int:
        """Rows of A."""
        return self.a.shape[-2]

    @property
    def shape(self) -> tuple[int, int]:
        """(out, in) of ΔM, or of one of a stack."""
        return self.b.shape[-2], self.a.shape[-1]

    @property
    def experts(self) -> int:
        """How many matrices are stacked; 0 for a single one."""
        return self.a.shape[0] if self.a.dim() == 3 else 0

    def replace(self, **changes: Any) -> Pair:
        """The same pair with some fields changed."""
        return replace(self, **changes)


@dataclass(frozen=True)
class Record:
    """What verilora.json knows beyond PEFT's files."""

    base: Mapping[str, Any]
    """Its section on the base, digests included."""
    layers: Mapping[str, Any]
    """Path -> how each update lies in its parameter."""


@dataclass(frozen=True)
class Adapter:
    """All of one adapter, as its files have it."""

    pairs: Mapping[str, Pair]
    """By module path, in the order of the file."""
    whole: Mapping[str, Tensor] = field(default_factory=dict)
    """State name -> values, of modules trained whole."""
    biases: Mapping[str, Tensor] = field(default_factory=dict)
    """State name -> values, of biases of the base that were trained."""
    dropout: float = 0.0
    base: str | None = None
    """The base's name, where the file has one."""
    base_digests: Mapping[str, str] = field(default_factory=dict)
    """State name -> digest of each tensor that the updates were made on; empty if not known."""
    record: Record | None = None
    """For updates made on that very base."""
    task_type: str | None = None
    """PEFT's word for the kind of model."""
    targets: tuple[str, ...] | str | None = None
    """What PEFT's target_modules says, where it picked exactly these modules."""
    parameters: tuple[str, ...] = ()
    """PEFT's target_parameters, of the pairs that are stacks of experts."""
    heads: tuple[str, ...] = ()
    """Names of the modules trained whole."""
    notes: tuple[str, ...] = ()
    """What a reader should know: unknown keys, what was left out."""

    def replace(self, **changes: Any) -> Adapter:
        """The same adapter with some fields changed."""
        return replace(self, **changes)

    def noting(self, *notes: str) -> Adapter:
        """The same adapter with more to tell."""
        return replace(self, notes=(*self.notes, *notes))

    @property
    def has_magnitudes(self) -> bool:
        """True for DoRA."""
        return any(pair.magnitude is not None for pair in self.pairs.values())


def alpha_for_scale(scale: float, rank: int) -> float:
    """The alpha with alpha / rank equal to `scale` to the bit; a whole number where one is.

    Where no float gives it, the nearest.
    """
    product = scale * rank
    whole = round(product)
    near = [product, math.nextafter(product, math.inf), math.nextafter(product, -math.inf)]
    tries = [float(whole), *near]
    best = min(tries, key=lambda alpha: (abs(alpha / rank - scale), tries.index(alpha)))
    return int(best) if best.is_integer() else best


def narrowest(*dtypes: torch.dtype) -> torch.dtype:
    """The narrowest dtype that holds every value of all of them."""
    widest = dtypes[0]
    for dtype in dtypes[1:]:
        widest = torch.promote_types(widest, dtype)
    return widest


def are_matrices(a: Tensor, b: Tensor) -> bool:
    """True for two floating matrices, neither of them empty."""
    return all(t.dim() == 2 and 0 not in t.shape and t.is_floating_point() for t in (a, b))
