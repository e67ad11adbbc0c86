"""Blank pairs: updates of zero for modules that a format adapts in every layer or in none."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from verilora.lora.formats.adapter import Adapter, Pair, narrowest
from verilora.lora.formats.architecture import Architecture, llama_paths
from verilora.lora.formats.fold import counted


def filled(
    adapter: Adapter, groups: Sequence[tuple[str, ...]], *, architecture: Architecture
) -> Adapter:
    """The adapter with zeros where a group of modules is adapted in part; ΔW stays what it is.

    Each group lists last names ("gate_proj", ...) that the format adapts together, in all layers.
    """
    names = {path.rpartition(".")[2] for path in adapter.pairs}
    wanted = tuple(name for group in groups if names & set(group) for name in group)
    paths = list(llama_paths(wanted, architecture.depth()))
    blank = [path for path in paths if path not in adapter.pairs]
    if not blank:
        return adapter
    like = next(iter(adapter.pairs.values()))
    dtype = narrowest(*(pair.b.dtype for pair in adapter.pairs.values()))
    made = {path: _blank(path, like, architecture=architecture, dtype=dtype) for path in blank}
    order = [*paths, *(path for path in adapter.pairs if path not in paths)]
    pairs = {path: adapter.pairs.get(path) or made[path] for path in order}
    return adapter.replace(pairs=pairs).noting(
        f"factors of zeros are added for {counted(len(blank))} not adapted, because the format "
        "adapts a kind of module in every layer"
    )


def without_blank(adapter: Adapter) -> Adapter:
    """The adapter without the pairs whose A and B are both zero: they stand for nothing."""
    pairs = {path: pair for path, pair in adapter.pairs.items() if not is_blank(pair)}
    left = len(adapter.pairs) - len(pairs)
    if not left or not pairs:
        return adapter
    return adapter.replace(pairs=pairs).noting(f"{counted(left)} with A and B of zeros left out")


def is_blank(pair: Pair) -> bool:
    """True for A and B of zeros; training starts with only one of them zero."""
    return not bool(pair.a.any()) and not bool(pair.b.any()) and pair.magnitude is None


def _blank(path: str, like: Pair, *, architecture: Architecture, dtype: torch.dtype) -> Pair:
    out, inner = architecture.shape_of(path.rpartition(".")[2])
    rank = like.rank
    return Pair(
        torch.zeros(rank, inner, dtype=dtype), torch.zeros(out, rank, dtype=dtype), like.scale
    )
