"""Modules that a model lacks: one sentence with the nearest that it has."""

from __future__ import annotations

from torch import nn

from verilora.lora.formats.peft.nesting import nesting_fault, prefix_fault

MODULES = {path: nn.Identity() for path in ("model", "model.layers.0.q", "model.layers.1.q", "h")}


def test_one_level_deeper_in_the_model() -> None:
    told = nesting_fault(["layers.0.q", "layers.1.q"], MODULES)
    assert "the file has 'layers.0.q', the model 'model.layers.0.q'" in told
    assert "load it into the module 'model'" in told


def test_one_level_deeper_in_the_file() -> None:
    told = nesting_fault(["base.model.layers.0.q", "base.h"], MODULES)
    assert "the file has 'base.model.layers.0.q', the model 'model.layers.0.q'" in told
    assert "holds such a one as 'base'" in told


def test_the_prefix_twice() -> None:
    told = nesting_fault(["base_model.model.model.layers.0.q"], MODULES)
    assert "more than once" in told


def test_another_name() -> None:
    told = nesting_fault(["model.layers.0.k", "x", "y", "z", "w"], MODULES)
    assert "has no 'model.layers.0.k', 'x', 'y' and 2 more (of 5 modules" in told
    assert "did you mean 'model.layers.0.q'" in told


def test_a_path_with_the_same_last_name_is_nearest() -> None:
    told = nesting_fault(["transformer.block.0.q", "zzz"], MODULES)
    assert told.endswith("it has 'model.layers.0.q', 'model.layers.1.q'")


def test_names_without_the_prefix() -> None:
    assert prefix_fault(["base_model.model.a"]) is None
    told = prefix_fault(["a.lora_A.weight", "base_model.model.a"]) or ""
    assert told.startswith("1 tensors do not start with 'base_model.model.'")
