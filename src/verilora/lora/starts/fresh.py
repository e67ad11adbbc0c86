"""Orthogonal: a start in which neither A nor B is zero, and their product is."""

from __future__ import annotations

import torch
from torch import Tensor

from verilora.lora.init import generator_for


def orthogonal(
    a_shape: tuple[int, ...], b_shape: tuple[int, ...], *, seed: int, path: str
) -> tuple[Tensor, Tensor]:
    """A [.., rank, in] and B [.., out, rank] in float32 with BA = 0 up to rounding.

    Of a random orthogonal matrix of `rank` rows A is spanned by the odd ones, B by the even ones,
    each mixed by normal numbers / 10. `rank` must be even. From (seed, path, shape) alone.
    Source: Datta, datta0.github.io/posts/rethink-lora-init; as in peft 0.21.
    """
    stack, rank = a_shape[:-2], a_shape[-2]
    generator = generator_for(seed, path, shape=(*a_shape, *b_shape))
    q = _signed_q(_normal((*stack, rank, rank), generator))
    a_mix = _normal((*stack, a_shape[-1], rank // 2), generator)
    b_mix = _normal((*stack, b_shape[-2], rank // 2), generator)
    a = (a_mix @ q[..., 0::2, :]).transpose(-1, -2) / 10
    b = (b_mix @ q[..., 1::2, :]) / 10
    return a.float().contiguous(), b.float().contiguous()


def _normal(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.empty(shape, dtype=torch.float64, device="cpu").normal_(generator=generator)


def _signed_q(matrix: Tensor) -> Tensor:
    q, r = torch.linalg.qr(matrix)
    signs = torch.diagonal(r, dim1=-2, dim2=-1).sign()
    return q * signs.unsqueeze(-2)
