"""One rank and one scale for all modules, for formats that have no more; ΔW stays what it is.

A smaller rank is filled up with zeros, which is exact. Another scale is folded into B: exact where
the ratio is a power of two, else B becomes float32 at least and is rounded once.
"""

from __future__ import annotations

import math
from collections import Counter

import torch

from verilora.lora.formats.adapter import Adapter, Pair, narrowest
from verilora.lora.formats.grouped import padded


def one_scale(adapter: Adapter) -> tuple[Adapter, float]:
    """The adapter at the scale that most of its modules have, and that scale; noted if folded."""
    pairs = adapter.pairs
    chosen = _most_common([pair.scale for pair in pairs.values()])
    other = [path for path, pair in pairs.items() if pair.scale != chosen]
    if not other:
        return adapter, chosen
    rounded = [path for path in other if not is_power_of_two(pairs[path].scale / chosen)]
    how = f"with one rounding to float32 in {len(rounded)}" if rounded else "exactly"
    made = {path: rescaled(pair, chosen) for path, pair in pairs.items()}
    note = f"the scales of {counted(len(other))} are folded into B, {how}"
    return adapter.replace(pairs=made).noting(note), chosen


def one_rank(adapter: Adapter) -> tuple[Adapter, int]:
    """The adapter at its greatest rank, and that rank; noted if filled up with zeros."""
    pairs = adapter.pairs
    rank = max(pair.rank for pair in pairs.values())
    small = [path for path, pair in pairs.items() if pair.rank != rank]
    if not small:
        return adapter, rank
    made = {path: _at_rank(pair, rank) for path, pair in pairs.items()}
    note = f"the rank of {counted(len(small))} is filled up to {rank} with zeros"
    return adapter.replace(pairs=made).noting(note), rank


def rescaled(pair: Pair, scale: float) -> Pair:
    """The same ΔW at another scale; B in float32 at least where it has to be rounded."""
    if pair.scale == scale:
        return pair
    ratio = pair.scale / scale
    exact = is_power_of_two(ratio) and _has_room(pair, ratio)
    dtype = pair.b.dtype if exact else narrowest(pair.b.dtype, torch.float32)
    b = (pair.b.double() * ratio).to(dtype)
    return pair.replace(a=pair.a.to(narrowest(pair.a.dtype, dtype)), b=b, scale=scale)


def is_power_of_two(value: float) -> bool:
    """True if multiplying by it changes an exponent alone."""
    return abs(math.frexp(value)[0]) == 0.5


def _has_room(pair: Pair, ratio: float) -> bool:
    """True if no value of B leaves its dtype's range."""
    scaled = pair.b.double() * ratio
    return torch.equal(scaled.to(pair.b.dtype).double(), scaled)


def _at_rank(pair: Pair, rank: int) -> Pair:
    a, b = padded(pair.a, pair.b, rank=rank)
    return pair.replace(a=a, b=b)


def counted(modules: int) -> str:
    """The number of modules, in words that agree with it."""
    return "1 module" if modules == 1 else f"{modules} modules"


def _most_common(values: list[float]) -> float:
    counted = Counter(values)
    return min(counted, key=lambda value: (-counted[value], value))
