"""Every pair of choices that exclude each other is refused, with the reason, and no other."""

from __future__ import annotations

from typing import Any

import pytest

from verilora.errors import ConfigError
from verilora.records.adapter import LoraConfig

EXCLUDED: dict[str, tuple[dict[str, Any], str]] = {
    "dora and a bare parameter": (
        {"weight_rule": "dora", "target_parameters": ["experts.down_proj"]},
        "no place for the magnitudes of a bare parameter",
    ),
    "dora and a shared weight": (
        {"weight_rule": "dora", "tied": "shared"},
        "a magnitude belongs to one output",
    ),
    "orthogonal and an odd rank": ({"init": "orthogonal", "rank": 3}, "needs even ranks"),
    "orthogonal and an odd rank of one": (
        {"init": "orthogonal", "rank": 4, "rank_pattern": {"query": 5}},
        "needs even ranks",
    ),
    "eva and a bare parameter": (
        {"init": "eva", "target_parameters": ["experts.down_proj"]},
        "needs the inputs of a layer",
    ),
    "loftq and a shared weight": ({"init": "loftq", "tied": "shared"}, "the base is quantised"),
    "loftq and parts": ({"init": "loftq", "fused": {"c_attn": ["q"]}}, "quantised whole"),
    "rounds without loftq": ({"loftq_rounds": 2}, 'only init "loftq" reads'),
    "spread without eva": ({"rank_spread": 1.0, "init": "pissa"}, 'only init "eva" reads'),
}


@pytest.mark.parametrize("case", EXCLUDED)
def test_is_refused_with_the_reason(case: str) -> None:
    fields, told = EXCLUDED[case]
    with pytest.raises(ConfigError, match=told) as caught:
        LoraConfig(**fields)
    assert len(caught.value.facts["faults"]) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"weight_rule": "dora", "tied": "untie", "init": "pissa", "scale_rule": "rslora"},
        {"weight_rule": "dora", "init": "loftq", "loftq_rounds": 3, "bias": "all"},
        {"weight_rule": "dora", "fused": {"c_attn": ["q"]}, "init": "olora"},
        {"init": "orthogonal", "rank": 6, "rank_pattern": {"query": 2}},
        {"init": "pissa", "tied": "shared"},
        {"init": "loftq", "target_parameters": ["experts.down_proj"]},
        {"init": "eva", "rank_spread": 1.0, "bias": "lora_only"},
    ],
)
def test_what_goes_together_is_taken(fields: dict[str, Any]) -> None:
    assert LoraConfig(**fields).init == fields.get("init", "kaiming")


def test_exclusions_are_told_with_the_other_faults() -> None:
    with pytest.raises(ConfigError) as caught:
        LoraConfig(rank=0, weight_rule="dora", tied="shared", init="orthogonal")
    assert len(caught.value.facts["faults"]) == 2
