"""Header and statements against the model's adapter: every difference is one sentence."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from verilora import LoraConfig
from verilora.lora.formats.peft.compare import Comparison, kind_faults
from verilora.lora.formats.peft.inventory import planned_inventory
from verilora.lora.formats.peft.stated import Stated, read_stated
from verilora.lora.formats.tensorfile import Entry

PREFIX = "base_model.model."
A = f"{PREFIX}0.lora_A.weight"
B = f"{PREFIX}0.lora_B.weight"


@pytest.fixture
def comparison(tiny: SimpleNamespace) -> Comparison:
    model = tiny.linears()
    config = LoraConfig(rank=2, alpha=4, target_modules=["0"], modules_to_save=["2"])
    shapes = {A: (2, 8), B: (12, 2), f"{PREFIX}2.weight": (5, 12), f"{PREFIX}2.bias": (5,)}
    entries = {name: Entry(torch.float32, shape, 0, 0) for name, shape in shapes.items()}
    return Comparison(model, planned_inventory(model, config), entries, {})


def _with(comparison: Comparison, **changes: Entry | None) -> Comparison:
    entries = {**comparison.entries, **changes}
    kept = {name: entry for name, entry in entries.items() if entry is not None}
    return replace(comparison, entries=kept)


def _stated(**changes: Any) -> Stated:
    found = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["0"], **changes}
    return read_stated(json.dumps(found).encode())


def test_no_fault_where_all_agrees(comparison: Comparison) -> None:
    assert comparison.name_faults() == []
    assert list(comparison.shape_faults()) == []
    assert list(comparison.scale_faults(_stated())) == []
    assert list(comparison.target_faults(_stated())) == []


def test_missing_and_extra_tensors(comparison: Comparison) -> None:
    extra = Entry(torch.float32, (1,), 0, 0)
    changed = _with(comparison, **{B: None, f"{PREFIX}2.lora_A.weight": extra})
    assert changed.name_faults() == [
        f"the tensor '{PREFIX}2.lora_A.weight' belongs to nothing that is adapted",
        f"the tensor '{B}' is missing",
    ]
    copies = {f"{PREFIX}2.lora_A.weight": "x"}
    assert len(replace(changed, copies=copies).name_faults()) == 1


def test_another_nesting_is_one_sentence(comparison: Comparison) -> None:
    deeper = {
        PREFIX + "body." + name.removeprefix(PREFIX): entry
        for name, entry in comparison.entries.items()
    }
    (told,) = replace(comparison, entries=deeper).name_faults()
    assert "holds such a one as 'body'" in told


def test_shapes_and_dtypes(comparison: Comparison) -> None:
    changed = _with(
        comparison,
        **{
            A: Entry(torch.float32, (3, 8), 0, 0),
            B: Entry(torch.int64, (12, 2), 0, 0),
            f"{PREFIX}2.weight": Entry(torch.float32, (4, 12), 0, 0),
            f"{PREFIX}2.bias": Entry(torch.int32, (5,), 0, 0),
        },
    )
    assert list(changed.shape_faults()) == [
        f"'{A}' has shape (3, 8); (2, 8) is wanted for rank 2",
        f"'{B}' is torch.int64; a floating-point dtype is wanted",
        f"'{PREFIX}2.weight' has shape (4, 12), the model's has (5, 12)",
        f"'{PREFIX}2.bias' is torch.int32, the model's is torch.float32",
    ]


def test_ranks_and_scales(comparison: Comparison) -> None:
    (rank,) = comparison.scale_faults(_stated(r=4))
    assert rank == "adapter_config.json states rank 4 for '0'; it is 2"
    (scale,) = comparison.scale_faults(_stated(alpha_pattern={"0": 40}))
    assert "states the scale 20 for '0' (alpha 40); it is 2 (alpha 4)" in scale
    (root,) = comparison.scale_faults(_stated(use_rslora=True))
    assert "states the scale 2.82843" in root


def test_targets(comparison: Comparison) -> None:
    (strange,) = comparison.target_faults(_stated(target_modules=["nothing"]))
    assert strange == "adapter_config.json does not target '0', whose updates are there"
    (lost,) = comparison.target_faults(_stated(target_modules=["0", "2"]))
    assert lost == "adapter_config.json targets '2', whose updates are not in the file"
    (bare,) = comparison.target_faults(_stated(target_parameters=["2.weight"]))
    assert "targets '2.weight'" in bare
    for names in (None, "all-linear"):
        assert list(comparison.target_faults(_stated(target_modules=names))) == []


def test_kinds() -> None:
    assert kind_faults([A, B]) == []
    told = kind_faults(["base_model.model.0.lora_B.bias", "0.lora_A.weight"])
    assert "a bias of the adapter (lora_bias), which verilora does not have yet" in told[0]
    assert "1 tensors do not start with" in told[1]


def test_a_model_without_the_module(comparison: Comparison) -> None:
    other = nn.Sequential(nn.Linear(8, 12))
    inventory = planned_inventory(other, LoraConfig(rank=2, target_modules=["0"]))
    changed = replace(comparison, model=other, inventory=inventory)
    (told,) = changed.name_faults()
    assert "the model has no '2'" in told
