"""Names of tensors, put together and taken apart."""

from __future__ import annotations

import pytest

from verilora.lora.formats.peft.names import (
    FactorName,
    factor_names,
    is_update,
    parse_factor,
    unknown_kind,
    unwrapped,
    wrapped,
)


@pytest.mark.parametrize("embedding", [False, True])
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_name_is_taken_apart_as_it_was_put_together(embedding: bool, depth: int) -> None:
    path = "model.layers.0.q" + ".base_layer" * depth
    names = factor_names(path, embedding=embedding)
    assert [parse_factor(name) for name in names] == [
        FactorName("model.layers.0.q", depth, factor, embedding) for factor in "AB"
    ]


def test_the_very_names() -> None:
    assert factor_names("m.q", embedding=False)[0] == "base_model.model.m.q.lora_A.weight"
    assert factor_names("m.e", embedding=True)[1] == "base_model.model.m.e.lora_embedding_B"


@pytest.mark.parametrize(
    "name",
    [
        "model.q.lora_A.weight",
        "base_model.model.q.lora_A",
        "base_model.model.q.lora_embedding_A.weight",
        "base_model.model.classifier.weight",
        "base_model.model.q.lora_B.bias",
    ],
)
def test_other_tensors_are_no_factors(name: str) -> None:
    assert parse_factor(name) is None


def test_wrappers_lie_around_everything_inside() -> None:
    wrappers = {"mlp.experts": 2, "mlp.experts.gate": 1}
    assert wrapped("mlp.experts", wrappers) == "mlp.experts"
    assert wrapped("mlp.experts.gate", wrappers) == "mlp.experts.base_layer.base_layer.gate"
    assert wrapped("mlp.expertss.gate", wrappers) == "mlp.expertss.gate"
    assert unwrapped(wrapped("mlp.experts.gate.x", wrappers)) == "mlp.experts.gate.x"


def test_kinds_that_are_no_plain_lora() -> None:
    assert unknown_kind("base_model.model.q.lora_magnitude_vector") is None
    assert is_update("base_model.model.q.lora_magnitude_vector")
    assert not is_update("base_model.model.q.base_layer.bias")
    assert "lora_bias" in (unknown_kind("base_model.model.q.lora_B.bias") or "")
    assert unknown_kind("base_model.model.q.lora_B.weight") is None
