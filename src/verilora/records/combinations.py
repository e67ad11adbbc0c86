"""Which choices of a LoraConfig cannot go together, and why. The standard library alone.

A rule is here if it follows from the config alone; what depends on a layer is refused by `attach`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def combination_faults(config: Any) -> list[str]:
    """One sentence for each pair of choices that exclude each other."""
    return [*_of_dora(config), *_of_starts(config), *_of_options(config)]


def _of_dora(config: Any) -> Iterator[str]:
    if config.weight_rule != "dora":
        return
    if config.target_parameters:
        yield (
            'weight_rule "dora" and target_parameters exclude each other: PEFT\'s files have no '
            'place for the magnitudes of a bare parameter; use weight_rule "lora"'
        )
    if config.tied == "shared":
        yield (
            'weight_rule "dora" and tied "shared" exclude each other: a magnitude belongs to one '
            "output, and the two sides of a tied weight have different ones; use tied "
            '"untie"'
        )


def _of_starts(config: Any) -> Iterator[str]:
    if config.init == "orthogonal" and any(rank % 2 for rank in _ranks(config)):
        yield (
            'init "orthogonal" needs even ranks: half of the rank\'s directions go to A, the '
            "other half to B"
        )
    if config.init == "eva" and config.target_parameters:
        yield (
            'init "eva" and target_parameters exclude each other: it needs the inputs of a '
            "layer, and a bare parameter has none"
        )
    if config.init == "loftq" and config.tied == "shared":
        yield (
            'init "loftq" and tied "shared" exclude each other: the base is quantised, which '
            'would quantise the other side of a tied weight too; use tied "untie"'
        )
    if config.init == "loftq" and config.fused:
        yield (
            'init "loftq" and fused exclude each other: a weight is quantised whole, so that its '
            "other parts would stay quantised without an update"
        )


def _of_options(config: Any) -> Iterator[str]:
    for name, init, default in (("loftq_rounds", "loftq", 1), ("rank_spread", "eva", 2.0)):
        if getattr(config, name) != default and config.init != init:
            yield f'{name} is set, which only init "{init}" reads; leave it out'


def _ranks(config: Any) -> list[int]:
    patterns = config.rank_pattern if isinstance(config.rank_pattern, Mapping) else {}
    found = [config.rank, *patterns.values()]
    return [rank for rank in found if isinstance(rank, int)]
