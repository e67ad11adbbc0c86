"""LoftQ: a base in 4 bits, and the low-rank pair that makes up for most of what that costs."""

from __future__ import annotations

import torch
from torch import Tensor

from verilora.kernels.nf4 import dequantise, quantise
from verilora.lora.layout import Layout
from verilora.lora.starts.decompose import in_float64, pissa


def loftq(
    weight: Tensor, rank: int, *, layout: Layout, scale: float, rounds: int
) -> tuple[Tensor, Tensor, Tensor]:
    """(Q, A, B) with Q + s BA near the weight: Q the weight's NF4 values, in its dtype and shape.

    `rounds` times in turn: Q = NF4(W - s BA), with BA zero at first, and BA the principal `rank`
    components of (W - Q) / s. A [.., rank, in], B [.., out, rank] in float32.
    Source: Li et al. 2023 (LoftQ), arXiv:2310.08659, algorithm 1; the scale, which the paper does
    not have, is divided out.
    """
    quantised = quantised_base(weight, rank, layout=layout, scale=scale, rounds=rounds)
    a, b = _rest(weight, quantised, rank=rank, layout=layout, scale=scale)
    return quantised, a, b


@torch.no_grad()
def quantised_base(
    weight: Tensor, rank: int, *, layout: Layout, scale: float, rounds: int
) -> Tensor:
    """Q alone, as above: with one round it needs no decomposition, and has the same bits anywhere.

    Blocks of 64 run through the parameter as it lies in memory.
    """
    wide = torch.promote_types(weight.dtype, torch.float32)
    target = weight.detach().to(wide)
    for left in reversed(range(rounds)):
        quantised = dequantise(quantise(target), weight.dtype)
        if left:
            a, b = _rest(weight, quantised, rank=rank, layout=layout, scale=scale)
            target = weight.detach().to(wide) - layout.dense(a, b, scale=scale, dtype=wide)
    return quantised


def _rest(
    weight: Tensor, quantised: Tensor, *, rank: int, layout: Layout, scale: float
) -> tuple[Tensor, Tensor]:
    rest = in_float64(weight) - in_float64(quantised)
    a, b = pissa(layout.matrix(rest.contiguous()), rank, scale=scale)
    return a.to(weight.device), b.to(weight.device)
