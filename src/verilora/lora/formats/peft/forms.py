"""Forms: how the factors of one or more updates lie in the one pair of tensors that PEFT has.

Each form packs and unpacks without rounding; what is unpacked is checked to be of that form.
PEFT's letters here: A [rank, in], B [out, rank] of the file, against the updates' own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from verilora.lora.formats.peft.sites import Factors


class FormError(ValueError):
    """One sentence about tensors that are not of the form."""


@dataclass(frozen=True)
class Whole:
    """A pair as it is; a convolution's gets its kernel's shape.

    `swapped`: the file's module sees the transpose, ΔWᵀ = Aᵀ Bᵀ, so the factors change places.
    """

    rank: int
    out_features: int
    in_features: int
    kernel: tuple[int, ...] = ()
    """(in, *sizes) of a convolution, whose product is `in_features`."""
    swapped: bool = False

    @property
    def a_shape(self) -> tuple[int, ...]:
        """Of A in the file."""
        inner = self.out_features if self.swapped else self.in_features
        return (self.rank, *(self.kernel or (inner,)))

    @property
    def b_shape(self) -> tuple[int, ...]:
        """Of B in the file."""
        out = self.in_features if self.swapped else self.out_features
        return (out, self.rank, *_ones(self.kernel))

    def pack(self, factors: Sequence[Factors]) -> Factors:
        """The file's pair."""
        ((a, b),) = factors
        if self.swapped:
            a, b = b.transpose(0, 1), a.transpose(0, 1)
        return a.reshape(self.a_shape), b.reshape(self.b_shape)

    def unpack(self, a: Tensor, b: Tensor) -> list[Factors]:
        """The updates' pairs."""
        a, b = a.flatten(1), b.flatten(1)
        return [(b.transpose(0, 1), a.transpose(0, 1)) if self.swapped else (a, b)]


@dataclass(frozen=True)
class Fused:
    """Parts of a fused projection, stacked in the rank: ΔW = [.. Bᵢ Aᵢ ..], zero rows elsewhere."""

    part_rank: int
    rows: tuple[tuple[int, int], ...]
    """First row, and row after the last, of each part."""
    out_features: int
    in_features: int

    @property
    def rank(self) -> int:
        """Of the pair in the file."""
        return self.part_rank * len(self.rows)

    @property
    def a_shape(self) -> tuple[int, ...]:
        """Of A in the file."""
        return self.rank, self.in_features

    @property
    def b_shape(self) -> tuple[int, ...]:
        """Of B in the file."""
        return self.out_features, self.rank

    def pack(self, factors: Sequence[Factors]) -> Factors:
        """The file's pair."""
        a = torch.cat([a for a, _ in factors])
        placed = a.new_zeros(self.b_shape)
        for index, (_, b) in enumerate(factors):
            self._block(placed, index).copy_(b)
        return a, placed

    def unpack(self, a: Tensor, b: Tensor) -> list[Factors]:
        """The updates' pairs; FormError if a row outside its part is not zero."""
        rest = b.clone()
        factors = []
        for index, piece in enumerate(a.split(self.part_rank)):
            factors.append((piece, self._block(b, index)))
            self._block(rest, index).zero_()
        if bool(rest.any()):
            raise FormError("is not zero outside the parts of the fused projection")
        return factors

    def _block(self, b: Tensor, index: int) -> Tensor:
        start, end = self.rows[index]
        return b[start:end, index * self.part_rank : (index + 1) * self.part_rank]


@dataclass(frozen=True)
class Grouped:
    """A grouped convolution. Here every group reads its own channels with the same A.

    PEFT has one A over all channels, whose rank is divided among the groups: so A stands there
    once for each group, on that group's channels, zero elsewhere.
    """

    group_rank: int
    groups: int
    out_features: int
    kernel: tuple[int, ...]
    """(in / groups, *sizes)."""

    @property
    def rank(self) -> int:
        """Of the pair in the file."""
        return self.group_rank * self.groups

    @property
    def a_shape(self) -> tuple[int, ...]:
        """Of A in the file."""
        return self.rank, self.kernel[0] * self.groups, *self.kernel[1:]

    @property
    def b_shape(self) -> tuple[int, ...]:
        """Of B in the file."""
        return self.out_features, self.group_rank, *_ones(self.kernel)

    def pack(self, factors: Sequence[Factors]) -> Factors:
        """The file's pair."""
        ((a, b),) = factors
        placed = a.new_zeros(self.a_shape)
        for group in range(self.groups):
            self._block(placed, group).copy_(a.reshape(self.group_rank, *self.kernel))
        return placed, b.reshape(self.b_shape)

    def unpack(self, a: Tensor, b: Tensor) -> list[Factors]:
        """The updates' pair; FormError if a group reads another's channels or in another way."""
        rest = a.clone()
        blocks = [self._block(a, group) for group in range(self.groups)]
        for group in range(self.groups):
            self._block(rest, group).zero_()
        if bool(rest.any()):
            raise FormError(
                "mixes the groups of the convolution, which no update of its grouped weight can "
                "(PEFT cannot merge it either); train it without groups or leave this layer out"
            )
        if not all(torch.equal(blocks[0], block) for block in blocks):
            raise FormError(
                "reads each group of the convolution in another way; one A for all groups is wanted"
            )
        return [(blocks[0].flatten(1), b.flatten(1))]

    def _block(self, a: Tensor, group: int) -> Tensor:
        ranks = slice(group * self.group_rank, (group + 1) * self.group_rank)
        channels = slice(group * self.kernel[0], (group + 1) * self.kernel[0])
        return a[ranks, channels]


@dataclass(frozen=True)
class Experts:
    """A stack of matrices: A's rows expert by expert, B's columns rank by rank.

    Source: peft 0.21.2, tuners/lora/layer.py, ParamWrapper.get_delta_weight.
    """

    rank: int
    experts: int
    out_features: int
    in_features: int

    @property
    def a_shape(self) -> tuple[int, ...]:
        """Of A in the file."""
        return self.experts * self.rank, self.in_features

    @property
    def b_shape(self) -> tuple[int, ...]:
        """Of B in the file."""
        return self.out_features, self.rank * self.experts

    def pack(self, factors: Sequence[Factors]) -> Factors:
        """The file's pair, from A [experts, rank, in] and B [experts, out, rank]."""
        ((a, b),) = factors
        return a.reshape(self.a_shape), b.permute(1, 2, 0).reshape(self.b_shape)

    def unpack(self, a: Tensor, b: Tensor) -> list[Factors]:
        """The updates' pair."""
        stacked = b.reshape(self.out_features, self.rank, self.experts).permute(2, 0, 1)
        return [(a.reshape(self.experts, self.rank, self.in_features), stacked)]


Form = Whole | Fused | Grouped | Experts


def alpha_for(rank: int, *, of: float, at_rank: int, root: bool) -> float:
    """The alpha that keeps the scale of `of` at `at_rank` when the pair has `rank`.

    `root`: the scale is alpha / √rank. A whole number where it is one.
    """
    if rank == at_rank:
        return of
    factor = math.sqrt(rank / at_rank) if root else rank / at_rank
    alpha = of * factor
    return int(alpha) if float(alpha).is_integer() else alpha


def _ones(kernel: tuple[int, ...]) -> tuple[int, ...]:
    return (1,) * max(len(kernel) - 1, 0)
