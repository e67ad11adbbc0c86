"""Which pairs of tensors lie in the file, and what PEFT calls them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

from verilora import LoraConfig, attach
from verilora.lora.formats.peft.blocks import Block, blocks_of, wrappers_of
from verilora.lora.formats.peft.forms import Experts, Fused, Grouped, Whole
from verilora.lora.formats.peft.sites import attached_sites


def _blocks(model: nn.Module, *, root: bool = False, **config: Any) -> list[Block]:
    model = attach(model, LoraConfig(**config))
    return blocks_of(model, attached_sites(model), root=root)


def test_a_block_for_each_linear_layer(tiny: SimpleNamespace) -> None:
    blocks = _blocks(tiny.linears(), rank=3, alpha=6, target_modules=["0", "2"])
    assert [b.target for b in blocks] == ["0", "2"]
    assert blocks[0].a_name == "base_model.model.0.lora_A.weight"
    assert blocks[1].form == Whole(3, 5, 12)
    assert (blocks[1].alpha, blocks[1].scale) == (6, 2)


def test_fused_parts_share_a_block_in_the_order_of_their_rows(tiny: SimpleNamespace) -> None:
    fused = {"rank": 2, "alpha": 3, "target_modules": ["c_attn"], "fused": {"c_attn": ["v", "q"]}}
    first, _ = _blocks(tiny.gpt2(), **fused)
    assert [part.name for part in first.parts] == ["q", "v"]
    assert first.form == Fused(2, ((0, 16), (32, 48)), 48, 16)
    assert (first.rank, first.alpha, first.scale) == (4, 6, 1.5)


def test_grouped_convolutions_take_a_rank_for_each_group() -> None:
    model = nn.Sequential(nn.Conv2d(4, 6, 3, groups=2), nn.Conv1d(4, 6, 3))
    grouped, plain = _blocks(model, rank=2, alpha=2, target_modules=["0", "1"])
    assert grouped.form == Grouped(2, 2, 6, (2, 3, 3))
    assert (grouped.rank, grouped.alpha) == (4, 4)
    assert plain.form == Whole(2, 6, 12, (4, 3))


def test_the_parameter_registered_last_is_outermost(tiny: SimpleNamespace) -> None:
    config = {
        "rank": 2,
        "target_modules": [],
        "target_parameters": ["experts.down_proj", "experts.gate_up_proj"],
        "layers": [0],
    }
    model = attach(tiny.mixtral(), LoraConfig(**config))
    sites = attached_sites(model)
    path = "model.layers.0.mlp.experts"
    inner, outer = blocks_of(model, sites, root=False)
    assert inner.target == f"{path}.gate_up_proj"
    assert inner.a_name == f"base_model.model.{path}.base_layer.lora_A.weight"
    assert outer.a_name == f"base_model.model.{path}.lora_A.weight"
    assert outer.form == Experts(2, 3, 16, 24)
    assert wrappers_of(sites) == {path: 2}
    turned = blocks_of(model, sites, root=False, reversed_nesting=frozenset([path]))
    assert [block.a_name for block in turned] == [outer.a_name, inner.a_name]


def test_a_shared_weight_has_a_block_for_each_of_its_modules(tiny: SimpleNamespace) -> None:
    blocks = _blocks(tiny.llama(tied=True), rank=2, target_modules=["embed_tokens"], tied="shared")
    assert [(b.target, b.partner) for b in blocks] == [
        ("model.embed_tokens", False),
        ("lm_head", True),
    ]
    assert blocks[0].b_name == "base_model.model.model.embed_tokens.lora_embedding_B"
    assert blocks[1].form == Whole(2, 16, 32, swapped=True)
    a, b = torch.randn(2, 32), torch.randn(16, 2)
    packed = blocks[1].form.pack([(a, b)])
    assert torch.equal(packed[0], b.t())
    assert torch.equal(packed[1], a.t())


def test_rslora_keeps_its_scale(tiny: SimpleNamespace) -> None:
    fused = {"target_modules": ["c_attn"], "fused": {"c_attn": ["q", "k", "v"]}}
    first, _ = _blocks(tiny.gpt2(), root=True, rank=2, alpha=4, scale_rule="rslora", **fused)
    assert first.alpha == 4 * 3**0.5
    assert first.scale == 4 / 2**0.5
