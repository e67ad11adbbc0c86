"""The small space: what a product BA is, told from its factors without the matrix itself.

With B = Q R and Aᵀ = P S (both thin QR), BA = Q (R Sᵀ) Pᵀ, and the core R Sᵀ [rank, rank] has its
norm, its singular values and its best approximations. Everything in float64, on the CPU.
Letters: A [.., rank, in], B [.., out, rank]; leading dimensions are stacks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from verilora.kernels.reference import dense_update

PIECE = 1 << 20
"""Scalars of a dense matrix that are made at a time."""


def core(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(Q, R Sᵀ, P) with BA = Q (R Sᵀ) Pᵀ: Q [out, k], P [in, l], k and l at most the rank."""
    q, r = torch.linalg.qr(_wide(b))
    p, s = torch.linalg.qr(_wide(a).transpose(-1, -2))
    return q, r @ s.transpose(-1, -2), p


def singular_values(a: Tensor, b: Tensor, *, scale: float = 1.0) -> Tensor:
    """Of scale · BA, the greatest first; as many as the smallest of rank, in and out."""
    return torch.linalg.svdvals(core(a, b)[1]) * abs(scale)


def effective_rank(values: Tensor) -> float:
    """exp of the entropy of the singular values' shares; 0 for a matrix of zeros.

    Between 1 (one direction) and the number of values (all alike); of a stack, its mean.
    Source: Roy & Vetterli 2007, "The effective rank", EUSIPCO, definition 1.
    """
    if values.dim() > 1:
        ranks = [effective_rank(one) for one in values.flatten(0, -2)]
        return sum(ranks) / len(ranks)
    total = values.sum()
    if not total > 0:
        return 0.0
    shares = values / total
    return math.exp(-float(torch.special.xlogy(shares, shares).sum()))


def numerical_rank(values: Tensor, *, size: int, dtype: torch.dtype) -> int:
    """How many singular values exceed max(values) · size · eps of the factors' dtype.

    `size` is the larger of in and out. Of a stack, the greatest.
    Source: the threshold of numpy's and torch's `matrix_rank`.
    """
    eps = torch.finfo(dtype if dtype.is_floating_point else torch.float32).eps
    # A threshold above a tenth would count real directions of narrow dtypes out.
    share = min(size * eps, 0.1)
    counts = (values > values.amax(-1, keepdim=True) * share).sum(-1)
    return int(counts.max())


def recompress(a: Tensor, b: Tensor, *, rank: int) -> tuple[Tensor, Tensor, float]:
    """(A, B, error): the best approximation of BA of at most `rank`, in float64.

    Both factors carry the roots of the singular values; signs are fixed, so that equal products
    give equal factors. `error` is ‖BA − B'A'‖, Frobenius, from the values left out.
    Source: Eckart & Young 1936, Psychometrika 1, 211-218.
    """
    q, middle, p = core(a, b)
    u, values, v = torch.linalg.svd(middle, full_matrices=False)
    u, v = q @ u, p @ v.transpose(-1, -2)
    return _halves(u, v, values=values, rank=rank)


def factorise(matrix: Tensor, rank: int) -> tuple[Tensor, Tensor, float]:
    """As `recompress`, for a dense matrix [.., out, in]: costs its full decomposition."""
    u, values, v = torch.linalg.svd(_wide(matrix), full_matrices=False)
    return _halves(u, v.transpose(-1, -2), values=values, rank=rank)


def product_norm(a: Tensor, b: Tensor, *, scale: float = 1.0) -> float:
    """‖scale · BA‖, Frobenius, over a whole stack; exactly 0.0 if A or B is zero."""
    wide_a, wide_b = _wide(a), _wide(b)
    gram = (wide_b.transpose(-1, -2) @ wide_b) * (wide_a @ wide_a.transpose(-1, -2))
    return abs(scale) * math.sqrt(max(float(gram.sum()), 0.0))


def dense_pieces(a: Tensor, b: Tensor, *, scale: float) -> Iterator[Tensor]:
    """scale · BA in float64, in ranges of rows of at most a million scalars, top to bottom."""
    flat_a, flat_b = a.reshape(-1, *a.shape[-2:]), b.reshape(-1, *b.shape[-2:])
    step = max(1, PIECE // max(1, a.shape[-1]))
    for one_a, one_b in zip(flat_a, flat_b, strict=True):
        for start in range(0, one_b.shape[0], step):
            rows = one_b[start : start + step]
            yield dense_update(_wide(one_a), _wide(rows), scale=scale, dtype=torch.float64)


def _halves(u: Tensor, v: Tensor, *, values: Tensor, rank: int) -> tuple[Tensor, Tensor, float]:
    kept = min(rank, values.shape[-1])
    error = float(torch.linalg.vector_norm(values[..., kept:]))
    u, v = u[..., :kept], v[..., :kept]
    # The largest entry of each left direction is positive: singular vectors are free in sign.
    largest = u.gather(-2, u.abs().argmax(-2, keepdim=True))
    signs = torch.where(largest < 0, -1.0, 1.0)
    roots = values[..., None, :kept].sqrt()
    return (v * signs * roots).transpose(-1, -2).contiguous(), u * signs * roots, error


def _wide(tensor: Tensor) -> Tensor:
    return tensor.detach().cpu().double()
