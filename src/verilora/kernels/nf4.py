"""NF4: a weight in 4 bits, in plain torch, with the bits that bitsandbytes gives.

Sixteen values, each as likely as the others for a normal variable, times the greatest magnitude of
each block of 64; with double quantisation these magnitudes lie in 8 bits. For reading, for LoftQ
and for tests: slow next to bitsandbytes, and the same on any machine.
Source: Dettmers et al. 2023 (QLoRA), arXiv:2305.14314, section 3 and appendix E; the code book and
the order of two codes in a byte are those of bitsandbytes 0.50.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import prod

import torch
from torch import Tensor

CODE_BOOK = (
    *(-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453),
    *(-0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0),
    *(0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224),
    *(0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0),
)
BLOCK = 64
"""Weights that share one magnitude."""
SCALE_BLOCK = 256
"""Magnitudes that share one of their own, under double quantisation."""
_SMALLEST = 1e-38


@dataclass(frozen=True)
class Scales:
    """The magnitudes of the blocks in 8 bits: code · magnitude of its block of 256, plus offset."""

    codes: Tensor
    """Indices into `dynamic_map()`, uint8 [blocks]."""
    magnitudes: Tensor
    """float32 [ceil(blocks / 256)]."""
    offset: Tensor
    """Mean of the magnitudes, a float32 scalar."""


@dataclass(frozen=True)
class Nf4:
    """A quantised tensor: about 4.5 bits a weight, or 4.13 under double quantisation."""

    codes: Tensor
    """uint8, two weights a byte: the first in the high half."""
    magnitudes: Tensor | Scales
    """Of each block of 64 in row-major order, float32 [ceil(weights / 64)]."""
    shape: tuple[int, ...]
    dtype: torch.dtype
    """Of the tensor that was quantised."""


@torch.no_grad()
def quantise(weight: Tensor, *, double: bool = False) -> Nf4:
    """The nearest NF4 codes of a floating-point tensor; of two equally near the lower one.

    Blocks run through the tensor in row-major order. `double` puts the blocks' magnitudes into 8
    bits. Quantising what was dequantised in float32 gives the same codes.
    """
    flat = weight.detach().reshape(-1).float()
    magnitudes = _by_block(flat, BLOCK).abs().amax(dim=1)
    scaled = flat * _each(1.0 / magnitudes.clamp(min=_SMALLEST), BLOCK, count=flat.numel())
    codes = torch.bucketize(scaled.clamp(-1, 1), _between(_book(flat))).to(torch.uint8)
    # What fills up the last byte is the code of zero.
    codes = torch.nn.functional.pad(codes, (0, codes.numel() % 2), value=CODE_BOOK.index(0.0))
    packed = (codes[::2] << 4) | codes[1::2]
    kept = _in_8_bits(magnitudes) if double else magnitudes
    return Nf4(packed, kept, tuple(weight.shape), weight.dtype)


@torch.no_grad()
def dequantise(quantised: Nf4, dtype: torch.dtype | None = None) -> Tensor:
    """The tensor that the codes stand for, in `dtype` (by default that of the original).

    Computed in float32 and rounded once.
    """
    packed, count = quantised.codes, prod(quantised.shape)
    codes = torch.stack((packed >> 4, packed & 0xF), dim=1).reshape(-1)[:count]
    kept = quantised.magnitudes
    magnitudes = _from_8_bits(kept) if isinstance(kept, Scales) else kept
    values = _book(magnitudes)[codes.long()] * _each(magnitudes, BLOCK, count=count)
    return values.reshape(quantised.shape).to(dtype or quantised.dtype)


@cache
def dynamic_map() -> Tensor:
    """The 256 values of 8-bit dynamic quantisation in order, float32: -1 < ... < 0 < ... = 1.

    Seven decades, the finer the larger: 2^i steps between 10^(i-7) and 10^(i-6), i from 0 to 6.
    Source: Dettmers 2016, arXiv:1511.04561, section 2; bitsandbytes' create_dynamic_map.
    """
    values = [0.0, 1.0]
    for decade in range(7):
        edges = torch.linspace(0.1, 1, 2**decade + 1, dtype=torch.float32)
        middles = (10 ** (decade - 6)) * ((edges[:-1] + edges[1:]) / 2.0)
        values += [*middles.tolist(), *(-middles).tolist()]
    return torch.tensor(sorted(values), dtype=torch.float32)


def _in_8_bits(magnitudes: Tensor) -> Scales:
    offset = magnitudes.mean()
    centred = magnitudes - offset
    greatest = _by_block(centred, SCALE_BLOCK).abs().amax(dim=1)
    inverse = _each(1.0 / greatest.clamp(min=_SMALLEST), SCALE_BLOCK, count=centred.numel())
    values = dynamic_map().to(centred.device)
    codes = torch.bucketize((centred * inverse).clamp(-1, 1), _between(values))
    return Scales(codes.to(torch.uint8), greatest, offset)


def _from_8_bits(scales: Scales) -> Tensor:
    values = dynamic_map().to(scales.codes.device)[scales.codes.long()]
    spread = _each(scales.magnitudes, SCALE_BLOCK, count=values.numel())
    return values * spread + scales.offset


def _by_block(flat: Tensor, size: int) -> Tensor:
    """[count] -> [blocks, size], the last filled up with zeros."""
    return torch.nn.functional.pad(flat, (0, -flat.numel() % size)).view(-1, size)


def _each(values: Tensor, size: int, *, count: int) -> Tensor:
    """Every block's value for each of its members, [blocks] -> [count]."""
    return values.repeat_interleave(size)[:count]


def _book(like: Tensor) -> Tensor:
    return torch.tensor(CODE_BOOK, dtype=torch.float32, device=like.device)


def _between(values: Tensor) -> Tensor:
    """The borders between neighbouring values."""
    return (values[:-1] + values[1:]) / 2
