"""The definition of LoRA's arithmetic, in plain autograd. Every faster way is tested against it.

Letters as in the paper: x input, W frozen weight, A [rank, in], B [out, rank], s scale.
A and B are cast to the activations' dtype, never the activations to theirs.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from verilora.errors import ShapeError

_CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


def lora_linear(x: Tensor, w: Tensor, *, a: Tensor, b: Tensor, scale: float) -> Tensor:
    """Frozen linear map plus a scaled low-rank update: y = x wᵀ + scale · (x aᵀ) bᵀ.

    x [..., in], w [out, in], a [rank, in], b [out, rank] -> [..., out]. `w` receives a gradient
    only if it asks for one. Extra cost: batch · rank · (in + out) multiply-adds.
    Raises ShapeError if `a` and `b` disagree on rank.
    Source: Hu et al. 2021, arXiv:2106.09685, eq. 3 and section 4.1 (scale = alpha / rank).
    """
    return F.linear(x, w) + linear_update(x, a=a, b=b, scale=scale)


def linear_update(x: Tensor, *, a: Tensor, b: Tensor, scale: float) -> Tensor:
    """The update alone: scale · (x aᵀ) bᵀ, [..., in] -> [..., out].

    The scale meets the rank-sized product, the smallest tensor there is.
    """
    _check_ranks(a, b)
    return F.linear(F.linear(x, a.to(x.dtype)) * scale, b.to(x.dtype))


def embedding_update(
    ids: Tensor, *, a: Tensor, b: Tensor, scale: float, padding_idx: int | None, dtype: torch.dtype
) -> Tensor:
    """Update of an embedding: row i of the table gains scale · (b a[:, i]).

    ids [...] of whole numbers, a [rank, rows], b [dim, rank] -> [..., dim] in `dtype`.
    The row `padding_idx` receives no gradient, as in the base.
    """
    _check_ranks(a, b)
    picked = F.embedding(ids, a.t().to(dtype), padding_idx=padding_idx)
    return F.linear(picked * scale, b.to(dtype))


def mix_channels(h: Tensor, *, b: Tensor, scale: float, groups: int, dimensions: int) -> Tensor:
    """Second half of a convolution's update: a 1-wide convolution by b, times scale.

    h [batch, groups · rank, *space] or without batch, b [out, rank] -> [batch, out, *space], with
    `dimensions` of space; the outputs of group g read the rank channels of group g.
    """
    kernel = b.to(h.dtype).reshape(*b.shape, *[1] * dimensions)
    return _CONVOLUTIONS[dimensions](h * scale, kernel, groups=groups)


def dense_update(a: Tensor, b: Tensor, *, scale: float) -> Tensor:
    """The whole matrix scale · b a in float32 (float64 stays), [out, in]; stacks of them too."""
    _check_ranks(a, b)
    wide = torch.float64 if a.dtype == torch.float64 else torch.float32
    return (b.to(wide) @ a.to(wide)) * scale


def _check_ranks(a: Tensor, b: Tensor) -> None:
    if a.shape[-2] != b.shape[-1]:
        raise ShapeError(
            f"A {tuple(a.shape)} has rank {a.shape[-2]}, B {tuple(b.shape)} has rank "
            f"{b.shape[-1]}; both must have the same",
            a=tuple(a.shape),
            b=tuple(b.shape),
        )
