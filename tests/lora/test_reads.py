"""Weights that are read without their layer being called are found in the readers' code."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from verilora.lora import attach, explain, merge
from verilora.lora.reads import modules_asked, modules_read, weights_read
from verilora.records.adapter import LoraConfig


class Inner(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Linear(4, 4)


class Reads(nn.Module):
    """Each way of reading, and each way of only asking."""

    def __init__(self) -> None:
        super().__init__()
        names = ("plain", "method", "indexed", "named", "called", "asked", "kind", "drawn", "late")
        for name in (*names, "given"):
            setattr(self, name, nn.Linear(4, 4))
        self.deep = Inner()
        nn.init.zeros_(self.drawn.weight)

    def forward(self, x: Tensor) -> Tensor:
        x = x @ self.plain.weight + self.method.weight.sum() + self.indexed.weight[0]
        x = torch.addmm(x, x, mat2=self.named.weight) @ self.deep.one.weight
        if isinstance(self.kind.weight, Tensor) and self.asked.weight.dtype == x.dtype:
            x = self.called(x.to(self.called.weight.device))
        return self.later(x) + sum(i + self.given.weight for i in (x,))

    def later(self, x: Tensor) -> Tensor:
        return x @ self.late.weight

    def reset(self) -> None:
        nn.init.ones_(self.asked.weight)


FOUND = {("plain",), ("method",), ("indexed",), ("named",), ("late",), ("given",), ("deep", "one")}


def test_values_that_are_used_are_found_and_questions_are_not() -> None:
    assert weights_read(Reads) == FOUND


def test_a_decorated_forward_is_looked_into() -> None:
    def loud(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any) -> Any:
            return function(*args)

        return call

    class Decorated(nn.Module):
        @loud
        def forward(self, x: Tensor) -> Tensor:
            return x @ self.inner.weight

    assert weights_read(Decorated) == {("inner",)}
    assert weights_read(type("Heir", (Decorated,), {})) == {("inner",)}


def test_modules_are_found_where_they_are() -> None:
    model = nn.Sequential(Reads(), Inner())
    assert modules_read(model) == {id(model[0].get_submodule(".".join(p))) for p in FOUND}


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        (nn.MultiheadAttention, {("out_proj",)}),
        (nn.TransformerEncoderLayer, {("linear1",), ("linear2",), ("self_attn", "out_proj")}),
        (nn.Linear, set()),
        (nn.LSTM, set()),
    ],
)
def test_pytorchs_own(kind: type[nn.Module], wanted: set[Any]) -> None:
    assert wanted <= weights_read(kind)
    assert wanted or not weights_read(kind)


def test_transformers_models() -> None:
    from transformers.models.deberta_v2.modeling_deberta_v2 import DebertaV2Encoder
    from transformers.models.t5.modeling_t5 import T5DenseActDense
    from transformers.models.wavlm.modeling_wavlm import WavLMAttention

    assert ("rel_embeddings",) in weights_read(DebertaV2Encoder)
    assert weights_read(T5DenseActDense) == set()  # it asks for wo's dtype only
    names = {"q_proj", "k_proj", "v_proj", "out_proj"}
    assert weights_read(WavLMAttention) == {(name,) for name in names}


def test_wavlm_carries_the_adapter(train: Callable[..., nn.Module]) -> None:
    """Its attention passes q, k and v's weights to a function: added outputs would be lost."""
    import transformers

    config = transformers.WavLMConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=24,
        conv_dim=(8,), conv_stride=(4,), conv_kernel=(8,), num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2, num_feat_extract_layers=1, vocab_size=10,
    )  # fmt: skip
    model = transformers.WavLMModel(config).eval()
    x = torch.randn(1, 64)
    with torch.no_grad():
        base = model(x).last_hidden_state
        train(attach(model, LoraConfig(rank=2, target_modules=["q_proj", "v_proj"])))
        carried = model(x).last_hidden_state
        assert {layer.way for layer in explain(model)} == {"weight"}
        assert (carried - base).abs().max() > 1e-3
        assert merge(model, x).probe_difference is not None


def test_what_is_asked_of_a_weight_without_its_values_is_found() -> None:
    class Asks(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.other = nn.Linear(2, 2), nn.Linear(2, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.other(self.inner(x.to(self.inner.weight.dtype)))

    model = Asks()
    assert modules_asked(model) == {id(model.inner)}
    assert modules_read(model) == set()
