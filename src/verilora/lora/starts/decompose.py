"""Starts from the weight's own decomposition: PiSSA and OLoRA. Deterministic; no randomness.

Decomposed in float64 and rounded to float32, with signs fixed by a rule, so that the number of
threads is seldom seen in the bits.
"""

from __future__ import annotations

import torch
from torch import Tensor


def pissa(matrix: Tensor, rank: int, *, scale: float) -> tuple[Tensor, Tensor]:
    """The `rank` principal components: A = √(S/s) Vᵀ, B = U √(S/s), so that s BA is their sum.

    matrix [.., out, in] -> A [.., rank, in], B [.., out, rank] in float32. Exact: the whole
    singular value decomposition, O(out · in · min(out, in)) operations.
    Source: Meng et al. 2024 (PiSSA), arXiv:2404.02948, eq. 2 and 3.
    """
    u, s, vt = _principal(matrix, rank)
    root = (s / scale).sqrt()
    a, b = root.unsqueeze(-1) * vt, u * root.unsqueeze(-2)
    return a.float().contiguous(), b.float().contiguous()


def olora(matrix: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """An orthonormal B: of M = QR, B is the first `rank` columns of Q, A the first rows of R.

    matrix [.., out, in] -> A [.., rank, in], B [.., out, rank] in float32. R has a diagonal that
    is not negative. The scale is not divided out: what leaves the base is s BA.
    Source: Büyükakyüz 2024 (OLoRA), arXiv:2406.01775, section 3 and algorithm 1.
    """
    q, r = torch.linalg.qr(in_float64(matrix))
    signs = torch.diagonal(r, dim1=-2, dim2=-1).sign()
    signs = torch.where(signs == 0, 1.0, signs)
    q, r = q * signs.unsqueeze(-2), r * signs.unsqueeze(-1)
    return r[..., :rank, :].float().contiguous(), q[..., :rank].float().contiguous()


def in_float64(tensor: Tensor) -> Tensor:
    """The values in float64, on the CPU where the device has no such numbers."""
    plain = tensor.detach()
    return (plain.cpu() if plain.device.type == "mps" else plain).double()


def _principal(matrix: Tensor, rank: int) -> tuple[Tensor, Tensor, Tensor]:
    """U [.., out, rank], S [.., rank], Vᵀ [.., rank, in] in float64.

    Of each column of U the entry of greatest magnitude is positive.
    """
    u, s, vt = torch.linalg.svd(in_float64(matrix), full_matrices=False)
    u, s, vt = u[..., :rank], s[..., :rank], vt[..., :rank, :]
    largest = u.abs().argmax(dim=-2, keepdim=True)
    signs = torch.where(u.gather(-2, largest) < 0, -1.0, 1.0).to(u.dtype)
    return u * signs, s, vt * signs.transpose(-1, -2)
