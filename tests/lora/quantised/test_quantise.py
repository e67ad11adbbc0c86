"""Which layers of a model are packed, and what the model answers then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from verilora.errors import LayerError, MergeError, StateError
from verilora.lora import attach, detach, merge
from verilora.lora.quantised.frozen import FrozenLinear
from verilora.lora.quantised.quantise import quantise, refuse_packed, round_as_packed
from verilora.lora.quantised.reading import weight_of
from verilora.records.adapter import LoraConfig

Make = Callable[..., nn.Module]
Build = Callable[[str], tuple[nn.Module, dict[str, Tensor]]]


def answer(model: nn.Module, batch: dict[str, Any]) -> Tensor:
    with torch.no_grad():
        return model(**batch).logits


@pytest.mark.parametrize("name", ["roberta", "deberta", "gpt2", "llama-tied", "t5", "vit"])
def test_bodies_are_packed_and_heads_stay(build: Build, name: str) -> None:
    model, batch = build(name)
    before = answer(model, batch)
    done = quantise(model, "nf4")
    assert done.layers
    assert all(isinstance(model.get_submodule(path), FrozenLinear) for path in done.layers)
    heads = ("classifier", "lm_head", "score")
    assert not [path for path in done.layers if path.startswith(heads)]
    # T5 casts to the dtype of this one's weight.
    assert not [path for path in done.layers if path.endswith(".wo")]
    after, (whole, _) = answer(model, batch), build(name)
    round_as_packed(whole, dict.fromkeys(done.layers, "nf4"))
    assert not torch.equal(after, before)
    torch.testing.assert_close(after, answer(whole, batch), rtol=1e-4, atol=1e-4)
    # An adapter on it starts from just that answer.
    attach(model, LoraConfig(rank=2, target_modules="all-linear"))
    assert torch.equal(answer(model, batch), after)
    detach(model)
    assert torch.equal(answer(model, batch), after)


def test_what_is_named_stays_whole(llama: Make) -> None:
    model = llama()
    done = quantise(model, "int8", skip=("model.layers.0", "model.layers.1.mlp.up_proj"))
    assert len(done.layers) == 6
    assert set(done.whole) >= {
        "lm_head",
        "model.layers.1.mlp.up_proj",
        "model.layers.0.mlp.up_proj",
    }


def test_gpt2_has_the_same_adapters_packed_or_whole(build: Build) -> None:
    (whole, batch), (packed, _) = build("gpt2"), build("gpt2")
    quantise(packed, "nf4")
    config = LoraConfig(
        rank=2, target_modules=("c_attn", "c_proj"), fused={"c_attn": ("q", "v")}, init="pissa"
    )
    for model in (whole, packed):
        attach(model, config)
        layer = model.get_submodule("transformer.h.0.attn.c_attn")
        assert layer.lora["q"].layout.transposed
        assert layer.lora["q"].B.shape == (16, 2)
    with torch.no_grad():
        for parameter in packed.parameters():
            if parameter.requires_grad:
                parameter.add_(0.05)
    before = answer(packed, batch)
    merge(packed, batch)
    torch.testing.assert_close(answer(packed, batch), before, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("scheme", ["nf4", "int8"])
def test_values_as_packed_in_a_whole_model(llama: Make, ids: Tensor, scheme: str) -> None:
    packed, whole = llama(), llama()
    done = quantise(packed, scheme)
    round_as_packed(whole, dict.fromkeys(done.layers, scheme))
    for path in done.layers:
        found = whole.get_submodule(path).weight
        assert torch.equal(found, weight_of(packed.get_submodule(path)))
    assert torch.equal(whole(ids).logits, packed(ids).logits)
    with pytest.raises(LayerError, match="no linear layer here"):
        round_as_packed(whole, {"model.norm": scheme})


def test_a_model_that_would_not_be_whole_is_not_handed_over(llama: Make) -> None:
    refuse_packed(llama())
    model = llama()
    quantise(model, "nf4")
    attach(model, LoraConfig(rank=2, target_modules=("q_proj",)))
    with pytest.raises(MergeError, match=r"12 layers .* verilora merge ADAPTER --base MODEL"):
        refuse_packed(model)
    detach(model)
    attach(model, LoraConfig(rank=2, target_modules="all-linear"))
    refuse_packed(model)
    model.config.quantization_config = {"load_in_4bit": True}
    with pytest.raises(MergeError, match="loaded quantised"):
        refuse_packed(model)


def test_refuses_what_has_nothing_to_pack(llama: Make) -> None:
    with pytest.raises(LayerError, match="keep the base whole"):
        quantise(nn.Sequential(nn.Embedding(4, 4)), "nf4")
    with pytest.raises(ValueError, match="one of nf4, int8"):
        quantise(llama(), "gptq")
    model = attach(llama(), LoraConfig(rank=2, target_modules="all-linear"))
    with pytest.raises(StateError, match="before attach"):
        quantise(model, "nf4")
