"""Rules that look at single entries of ΔW: TIES, DARE and magnitude pruning, on dense matrices.

Each takes the adapters' matrices of one module, all of the same shape, in float64.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from verilora.errors import ConfigError, nearest

EXACT = "sum"
RULES = ("ties", "dare", "dare-ties", "magnitude")


@dataclass(frozen=True)
class Method:
    """How several updates of one module become one."""

    name: str = EXACT
    """"sum", or one of RULES."""
    density: float = 1.0
    """Share of the entries that is kept, by all but "sum"."""
    seed: int = 0
    """Of the entries that "dare" keeps."""

    def __post_init__(self) -> None:
        faults = []
        known = (EXACT, *RULES)
        if self.name not in known:
            near = nearest(self.name, known) or f"; there are {', '.join(known)}"
            faults.append(f"'{self.name}' is no method{near}")
        if not 0 < self.density <= 1:
            faults.append(f"density is {self.density!r}; above 0 and at most 1 is wanted")
        if self.name == EXACT and self.density != 1:
            faults.append("density means nothing to the exact sum; choose another method")
        if faults:
            raise ConfigError("combine", faults)

    def apply(self, matrices: Sequence[Tensor], weights: Sequence[float], *, path: str) -> Tensor:
        """One matrix of several. Pruning is by module, not over the whole adapter."""
        pruned = [self._pruned(one, f"{path}|{i}") for i, one in enumerate(matrices)]
        if self.name in ("ties", "dare-ties"):
            return elect(pruned, weights)
        return sum((w * one for w, one in zip(weights, pruned, strict=True)), start=pruned[0] * 0)

    def _pruned(self, matrix: Tensor, key: str) -> Tensor:
        if self.name in ("dare", "dare-ties"):
            return drop(matrix, self.density, seed=self.seed, key=key)
        return trim(matrix, self.density)


def trim(matrix: Tensor, density: float) -> Tensor:
    """The greatest entries by size, int(density · count) of them; zero elsewhere.

    Source: Yadav et al. 2023, arXiv:2306.01708, section 4.1 ("trim"), module by module.
    """
    kept = int(density * matrix.numel())
    flat = matrix.reshape(-1)
    found = torch.zeros_like(flat)
    indices = flat.abs().topk(kept).indices
    found[indices] = flat[indices]
    return found.reshape(matrix.shape)


def drop(matrix: Tensor, density: float, *, seed: int, key: str) -> Tensor:
    """Each entry kept with the chance `density` and divided by it, else zero.

    Which ones follows from seed, key and shape alone.
    Source: Yu et al. 2023, arXiv:2311.03099, section 3.2, with density = 1 − p.
    """
    told = f"verilora.dare/1|{seed}|{key}|{tuple(matrix.shape)}".encode()
    generator = torch.Generator("cpu")
    generator.manual_seed(int.from_bytes(hashlib.sha256(told).digest()[:8], "big") >> 1)
    chances = torch.rand(matrix.shape, generator=generator, dtype=torch.float64)
    return torch.where(chances < density, matrix / density, 0.0)


def elect(matrices: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """Where signs differ the sign of the sum decides; the mean of those that have it.

    Weights act after the election, as in peft 0.21's `ties`; with weights of 1 it is the paper's.
    Source: Yadav et al. 2023, arXiv:2306.01708, section 4.1 ("elect", "disjoint merge").
    """
    stacked = torch.stack(list(matrices))
    sign = torch.where(stacked.sum(0) >= 0, 1.0, -1.0)
    agrees = stacked.sign() == sign
    shares = torch.tensor(list(weights), dtype=stacked.dtype).reshape(-1, *[1] * matrices[0].dim())
    return (stacked * shares * agrees).sum(0) / agrees.sum(0).clamp(min=1)
