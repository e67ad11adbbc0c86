"""Norms of the rows of W + ΔW, from the factors: no matrix of the weight's size is made.

Letters as in `reference`: W frozen weight [out, in], A [rank, in], B [out, rank], s scale.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from verilora.kernels.reference import without_autocast

Pair = tuple[Tensor, Tensor, float]
"""A [.., rank, in], B [.., out, rank], and the scale before their product."""


@torch.no_grad()
def row_norms(w: Tensor, pairs: Sequence[Pair]) -> Tensor:
    """‖wᵢ + Σ s bᵢA‖ for each row i, w [.., out, in] -> [.., out], in float32 or w's if wider.

    ‖w + bA‖² = ‖w‖² + 2 (wAᵀ)·b + b(AAᵀ)·b, so that the cost is one product of W with Aᵀ.
    Without gradients: DoRA takes the norm for a constant.
    Source: Liu et al. 2024, arXiv:2402.09353, eq. 5 and section 4.3.
    """
    wide = torch.promote_types(w.dtype, torch.float32)
    with without_autocast(w.device.type):
        w = w.to(wide)
        if not pairs:
            return torch.linalg.vector_norm(w, dim=-1)
        a = torch.cat([a.to(wide) for a, _, _ in pairs], dim=-2)
        b = torch.cat([b.to(wide) * scale for _, b, scale in pairs], dim=-1)
        squares = torch.linalg.vector_norm(w, dim=-1).square()
        across = ((w @ a.transpose(-1, -2)) * b).sum(-1)
        own = ((b @ (a @ a.transpose(-1, -2))) * b).sum(-1)
        return (squares + 2 * across + own).clamp(min=0).sqrt()
