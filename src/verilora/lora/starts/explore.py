"""EVA on a model: its batches are run, and each target gets the rank that its inputs deserve."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from typing import Any

from torch import nn

from verilora.errors import LayerError, StateError, told_together
from verilora.lora.blueprint import Blueprint
from verilora.lora.layers import CONVOLUTIONS
from verilora.lora.starts.eva import Components, observe, spread_ranks
from verilora.records.adapter import LoraConfig


def explore(
    model: nn.Module, prints: list[Blueprint], *, config: LoraConfig, batches: Iterable[Any] | None
) -> tuple[LoraConfig, dict[str, Components]]:
    """The config with a rank for each target, and the components of each target's inputs.

    Scales stay as they were. Raises StateError without batches, LayerError for a target that
    has no vectors as inputs, or too few of them.
    Source: Paischer et al. 2024, arXiv:2410.07170.
    """
    rest = iter(() if batches is None else batches)
    first = next(rest, None)
    if first is None:
        raise StateError(
            'init "eva" starts from the inputs of the layers: give attach some batches of the '
            "training data, attach(model, config, batches=[...])"
        )
    _refuse(_unfit(model, prints))
    ranks = {blueprint.path: config.rank_of(blueprint.path) for blueprint in prints}
    most = {p.path: _most(p, ranks[p.path], spread=config.rank_spread) for p in prints}
    found = observe(model, most, batches=itertools.chain((first,), rest))
    _refuse(_unseen(found, ranks))
    given = spread_ranks({path: own.explained for path, own in found.items()}, ranks)
    alphas = {
        path: config.scale(path) * (math.sqrt(rank) if config.scale_rule == "rslora" else rank)
        for path, rank in given.items()
    }
    return config.replace(rank_pattern=given, alpha_pattern=alphas), found


def _most(blueprint: Blueprint, rank: int, *, spread: float) -> int:
    layouts = blueprint.layouts.values()
    size = min(min(layout.in_features, layout.out_features) for layout in layouts)
    return min(size, max(rank, round(rank * spread)))


def _unfit(model: nn.Module, prints: list[Blueprint]) -> Iterator[tuple[str, str]]:
    for blueprint in prints:
        if isinstance(model.get_submodule(blueprint.path), (nn.Embedding, *CONVOLUTIONS)):
            told = "whose inputs are no vectors; exclude it or take another init"
            yield blueprint.path, f"{blueprint.path} is {blueprint.kind}, {told}"


def _unseen(found: dict[str, Components], ranks: dict[str, int]) -> Iterator[tuple[str, str]]:
    for path, own in found.items():
        if not own.rows:
            yield path, f"{path} is never called with these batches; exclude it"
        elif len(own.explained) < ranks[path]:
            yield (
                path,
                f"{path} has inputs of {len(own.explained)} components in {own.rows} rows, and "
                f"rank {ranks[path]} needs as many: give more batches",
            )


def _refuse(faults: Iterator[tuple[str, str]]) -> None:
    listed = list(faults)
    if listed:
        paths, told = zip(*listed, strict=True)
        message = told_together('these layers cannot start from their inputs (init "eva")', told)
        raise LayerError(message, path=paths[0], paths=paths, faults=told)
