"""Initial values from (seed, module path, shape) alone.

A generator of its own for each update, seeded by a hash: the values are the same whatever was
drawn before, on any device and rank, and the global random state is not touched.
"""

from __future__ import annotations

import hashlib
import math

import torch
from torch import Tensor

from verilora.lora.layout import Layout


def generator_for(seed: int, path: str, *, shape: tuple[int, ...]) -> torch.Generator:
    """A CPU generator that depends on these three and nothing else."""
    key = f"verilora.init/1|{seed}|{path}|{'x'.join(map(str, shape))}".encode()
    generator = torch.Generator("cpu")
    generator.manual_seed(int.from_bytes(hashlib.sha256(key).digest()[:8], "big") >> 1)
    return generator


def initial_factors(
    layout: Layout, *, rank: int, init: str, seed: int, path: str, like: Tensor
) -> tuple[Tensor, Tensor]:
    """A and B in float32 on `like`'s device, their product zero.

    "kaiming": A uniform in ±1/√in (Kaiming uniform with a = √5), B zero; "gaussian": A normal
    with deviation 1/rank. A meta device holds no values.
    Source: Hu et al. 2021, section 4.1; loralib 0.1.2 (Kaiming).
    """
    shape = layout.a_shape(rank)
    zeros = torch.zeros(layout.b_shape(rank), dtype=torch.float32, device=like.device)
    if init == "gaussian":
        return _drawn(shape, seed=seed, path=path, like=like, deviation=1 / rank), zeros
    bound = 1 / math.sqrt(layout.in_features)
    return _drawn(shape, seed=seed, path=path, like=like, bound=bound), zeros


def initial_embedding_factors(
    layout: Layout, *, rank: int, seed: int, path: str, like: Tensor
) -> tuple[Tensor, Tensor]:
    """A zero, B standard normal: the factor that a token looks up starts at zero.

    Source: loralib 0.1.2, layers.py (Embedding); "kaiming" and "gaussian" alike.
    """
    b = _drawn(layout.b_shape(rank), seed=seed, path=path, like=like, deviation=1.0)
    return torch.zeros(layout.a_shape(rank), dtype=torch.float32, device=like.device), b


def _drawn(
    shape: tuple[int, ...],
    *,
    seed: int,
    path: str,
    like: Tensor,
    deviation: float = 0.0,
    bound: float = 0.0,
) -> Tensor:
    """Normal values of the given deviation, or uniform ones in ±bound, on `like`'s device.

    Drawn on the CPU in float64 and rounded, so that how a processor approximates a logarithm or
    fuses a product cannot be seen, nor the caller's default dtype and device.
    """
    if like.is_meta:
        return torch.empty(shape, dtype=torch.float32, device="meta")
    assert bool(bound) != bool(deviation)
    values = torch.empty(shape, dtype=torch.float64, device="cpu")
    generator = generator_for(seed, path, shape=shape)
    if bound:
        values.uniform_(-bound, bound, generator=generator)
    else:
        values.normal_(std=deviation, generator=generator)
    return values.to(torch.float32).to(like.device)
