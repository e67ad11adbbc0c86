"""One description of an adapter, attached or only planned."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from verilora import LoraConfig, attach
from verilora.lora.blueprint import draw_blueprints
from verilora.lora.formats.peft.sites import (
    Site,
    attached_sites,
    base_modules,
    factors_of,
    planned_sites,
)
from verilora.lora.targets import resolve

CONFIGS: dict[str, dict[str, Any]] = {
    "roberta": {"rank_pattern": {"layer.1.attention.self.query": 2}},
    "gpt2": {"rank": 2, "target_modules": ["c_attn"], "fused": {"c_attn": ["v", "q"]}},
    "mixtral": {
        "rank": 2,
        "target_modules": ["q_proj"],
        "target_parameters": ["experts.gate_up_proj", "experts.down_proj"],
    },
}


def _planned(model: nn.Module, config: LoraConfig) -> list[Site]:
    prints = draw_blueprints(model, config, resolved=resolve(model, config))
    return planned_sites(model, prints, config=config)


@pytest.mark.parametrize("maker", CONFIGS)
def test_planned_and_attached_are_described_alike(maker: str, tiny: SimpleNamespace) -> None:
    model, config = getattr(tiny, maker)(), LoraConfig(**CONFIGS[maker])
    planned = _planned(model, config)
    attached = attached_sites(attach(model, config))
    assert [(s.path, s.facts(), s.bare) for s in planned] == [
        (s.path, s.facts(), s.bare) for s in attached
    ]


def test_bare_parameters_are_told_from_modules(tiny: SimpleNamespace) -> None:
    sites = _planned(tiny.mixtral(), LoraConfig(**CONFIGS["mixtral"]))
    assert [site.bare for site in sites] == [False, True, False, True]


def test_the_bare_kernel_of_a_convolution_is_the_convolution_s() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3))
    config = LoraConfig(rank=2, target_modules=[], target_parameters=["0.weight"])
    assert [site.bare for site in _planned(model, config)] == [False]


def test_base_modules_leave_out_the_updates(tiny: SimpleNamespace) -> None:
    model = tiny.roberta()
    before = list(base_modules(model))
    attach(model, LoraConfig())
    assert list(base_modules(model)) == before
    assert any("lora" in path for path, _ in model.named_modules())


def test_the_factors_are_the_model_s_own(tiny: SimpleNamespace) -> None:
    model = attach(tiny.linears(), LoraConfig(rank=2, target_modules=["0"]))
    (site,) = attached_sites(model)
    a, b = factors_of(model, site)["weight"]
    update = model[0].lora["weight"]
    assert a is update.A
    assert b is update.B
    assert torch.equal(b, torch.zeros(12, 2))
