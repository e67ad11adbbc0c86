"""Saved, loaded here and by PEFT, on tiny random models of many architectures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor, nn

from verilora import load_adapter

Saved = Callable[..., tuple[nn.Module, Path]]
Loads = Callable[[nn.Module, Path], nn.Module]
SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
TEXT = {**SIZES, "vocab_size": 40, "intermediate_size": 24, "initializer_range": 0.3}
T5 = {"vocab_size": 40, "d_model": 16, "d_kv": 8, "d_ff": 24, "num_layers": 2, "num_heads": 2}
SPARSE = {"num_sparse_encoder_layers": 1, "num_sparse_decoder_layers": 1, "num_experts": 3}
RELATIVE = {"relative_attention": True, "pos_att_type": ["c2p", "p2c"]}
IMAGES = {"image_size": 32, "patch_size": 8, "initializer_range": 0.3, "intermediate_size": 24}
STAGES = {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "layer_type": "basic"}
MODELS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "deberta": ("DebertaV2Config", "DebertaV2ForSequenceClassification", {**TEXT, **RELATIVE}),
    "roformer": ("RoFormerConfig", "RoFormerForSequenceClassification", TEXT),
    "t5": ("T5Config", "T5ForConditionalGeneration", T5),
    "switch": (
        "SwitchTransformersConfig",
        "SwitchTransformersForConditionalGeneration",
        {**T5, **SPARSE},
    ),
    "vit": ("ViTConfig", "ViTForImageClassification", {**SIZES, **IMAGES}),
    "resnet": ("ResNetConfig", "ResNetForImageClassification", STAGES),
}
HEAD = {"modules_to_save": ["classifier"]}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "deberta, all-linear": ("deberta", {"target_modules": "all-linear", **HEAD}),
    "deberta, words": ("deberta", {"target_modules": ["word_embeddings", "value_proj"]}),
    "roformer": ("roformer", {"target_modules": "all-linear", **HEAD}),
    "t5": ("t5", {"target_modules": ["q", "v", "wi"]}),
    "t5, shared by four": ("t5", {"target_modules": ["shared"], "tied": "shared"}),
    "t5, shared head": ("t5", {"target_modules": ["lm_head"], "tied": "shared"}),
    "t5, untied": ("t5", {"target_modules": ["lm_head"], "tied": "untie"}),
    "t5, shared and trained whole": (
        "t5",
        {"target_modules": ["q"], "modules_to_save": ["lm_head"], "tied": "shared"},
    ),
    "switch": ("switch", {"target_modules": ["wi", "wo", "k"]}),
    "vit": ("vit", {"target_modules": "all-linear", **HEAD}),
    "vit, patches": ("vit", {"target_modules": ["projection"]}),
    "resnet": ("resnet", {"target_modules": ["convolution"], **HEAD}),
    "resnet, statistics": (
        "resnet",
        {"target_modules": ["convolution"], "modules_to_save": ["classifier", "normalization"]},
    ),
}


def _make(name: str) -> nn.Module:
    config, model, sizes = MODELS[name]
    settings = getattr(transformers, config)(num_labels=3, **sizes)
    return getattr(transformers, model)(settings)


@torch.no_grad()
def _logits(model: nn.Module) -> Tensor:
    ids = torch.arange(5, 13)[None]
    if getattr(model, "main_input_name", "") == "pixel_values":
        image = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
        return model.eval()(pixel_values=image).logits
    more = {"decoder_input_ids": ids} if model.config.is_encoder_decoder else {}
    return model.eval()(input_ids=ids, **more).logits


@pytest.mark.parametrize("case", CASES)
def test_save_and_load(case: str, tiny: SimpleNamespace, saved: Saved, peft_loads: Loads) -> None:
    name, config = CASES[case]

    def make() -> nn.Module:
        return tiny.seeded(lambda: _make(name))

    model, directory = saved(make(), rank=2, alpha=3, **config)
    ours = _logits(model)
    assert (ours - _logits(make())).abs().max() > 1e-2
    assert torch.equal(_logits(load_adapter(make(), directory)), ours)
    theirs = peft_loads(make(), directory)
    torch.testing.assert_close(_logits(theirs), ours, rtol=1e-4, atol=1e-4)
    (directory / "verilora.json").unlink()
    plain = load_adapter(make(), directory)
    torch.testing.assert_close(_logits(plain), ours, rtol=1e-4, atol=1e-4)
