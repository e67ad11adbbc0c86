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


def generator_for(seed: int, path: str, shape: tuple[int, ...]) -> torch.Generator:
    """A CPU generator that depends on its three arguments and nothing else."""
    key = f"verilora.init/1|{seed}|{path}|{'x'.join(map(str, shape))}".encode()
    generator = torch.Generator("cpu")
    generator.manual_seed(int.from_bytes(hashlib.sha256(key).digest()[:8], "big") >> 1)
    return generator


def initial_factors(
    layout: Layout, *, rank: int, init: str, seed: int, path: str, like: Tensor
) -> tuple[Tensor, Tensor]:
    """A and B in float32 on `like`'s device, their product zero.

    "kaiming": A uniform in ±1/√in (Kaiming uniform with a = √5), B zero; "gaussian": A normal
    with deviation 1/rank. Drawn on the CPU, then moved; a meta device holds no values.
    Source: Hu et al. 2021, section 4.1; loralib 0.1.2 (Kaiming).
    """
    shape = layout.a_shape(rank)
    if like.device.type == "meta":
        a = torch.empty(shape, device="meta")
        return a, torch.empty(layout.b_shape(rank), device="meta")
    a = torch.empty(shape)
    generator = generator_for(seed, path, shape)
    if init == "gaussian":
        a.normal_(std=1 / rank, generator=generator)
    else:
        bound = 1 / math.sqrt(layout.in_features)
        a.uniform_(-bound, bound, generator=generator)
    return a.to(like.device), torch.zeros(layout.b_shape(rank), device=like.device)


def initial_embedding_factors(
    layout: Layout, *, rank: int, seed: int, path: str, like: Tensor
) -> tuple[Tensor, Tensor]:
    """A zero, B standard normal: the factor that a token looks up starts at zero.

    Source: loralib 0.1.2, layers.py (Embedding); "kaiming" and "gaussian" alike.
    """
    shape = layout.b_shape(rank)
    if like.device.type == "meta":
        return torch.empty(layout.a_shape(rank), device="meta"), torch.empty(shape, device="meta")
    b = torch.empty(shape).normal_(generator=generator_for(seed, path, shape))
    return torch.zeros(layout.a_shape(rank), device=like.device), b.to(like.device)
