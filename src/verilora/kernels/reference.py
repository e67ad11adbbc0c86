"""The definition of LoRA's arithmetic, in plain autograd. Every faster way is tested against it.

Letters as in the paper: x input, W frozen weight, A [rank, in], B [out, rank], s scale.
A and B are cast to the activations' dtype, never the activations to theirs.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

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
    """The update alone: scale · (x aᵀ) bᵀ, [..., in] -> [..., out] in x's dtype.

    The scale meets the rank-sized product, the smallest tensor there is.
    Raises ShapeError if `a` and `b` disagree on rank.
    """
    _check_ranks(a, b)
    return F.linear(F.linear(x, a.to(x.dtype)) * scale, b.to(x.dtype))


def embedding_update(
    ids: Tensor, *, a: Tensor, b: Tensor, scale: float, padding_idx: int | None, dtype: torch.dtype
) -> Tensor:
    """Update of an embedding: row i of the table gains scale · (b a[:, i]).

    ids [...] of whole numbers, a [rank, rows], b [dim, rank] -> [..., dim] in `dtype`. Only the
    rows looked up are cast. The row `padding_idx` receives no gradient, as in the base.
    Raises ShapeError if `a` and `b` disagree on rank.
    """
    _check_ranks(a, b)
    picked = F.embedding(ids, a.t(), padding_idx=padding_idx).to(dtype)
    return F.linear(picked * scale, b.to(dtype))


def mix_channels(h: Tensor, *, b: Tensor, scale: float, dimensions: int) -> Tensor:
    """Second half of a convolution's update: scale · (a 1-wide convolution of h by b).

    h [batch, rank, *space], or without batch, with `dimensions` of space; b [out, rank]
    -> [batch, out, *space] in h's dtype.
    """
    kernel = b.to(h.dtype).reshape(*b.shape, *[1] * dimensions)
    return _CONVOLUTIONS[dimensions](h * scale, kernel)


def dense_update(
    a: Tensor, b: Tensor, *, scale: float, dtype: torch.dtype = torch.float32
) -> Tensor:
    """The whole matrix scale · b a, [out, in], in `dtype` or a's if wider; stacks of them too.

    Autocast has no say in it. One product of full size, no other tensor of that size.
    Raises ShapeError if `a` and `b` disagree on rank.
    """
    _check_ranks(a, b)
    wide = torch.promote_types(a.dtype, dtype)
    with without_autocast(a.device.type):
        return (b.to(wide) * scale) @ a.to(wide)


def without_autocast(device: str) -> AbstractContextManager[object]:
    """Products inside keep the dtype of what they multiply, whatever surrounds them."""
    if device == "meta":  # torch knows no autocast for it
        return nullcontext()
    return torch.autocast(device, enabled=False)


def _check_ranks(a: Tensor, b: Tensor) -> None:
    if a.shape[-2] != b.shape[-1]:
        raise ShapeError(
            f"A {tuple(a.shape)} has rank {a.shape[-2]}, B {tuple(b.shape)} has rank "
            f"{b.shape[-1]}; both must have the same",
            a=tuple(a.shape),
            b=tuple(b.shape),
        )
