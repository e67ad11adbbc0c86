"""Every tensor of an adapter, before and after it is attached."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from verilora import LoraConfig, attach
from verilora.errors import StateError, TargetError, TiedWeightError
from verilora.lora.formats.peft.inventory import attached_inventory, planned_inventory

PREFIX = "base_model.model."


def test_the_plan_is_what_is_attached(tiny: SimpleNamespace) -> None:
    model, config = tiny.roberta(), LoraConfig(rank=2, modules_to_save=["classifier"])
    planned = planned_inventory(model, config)
    assert not any("lora" in name for name, _ in model.named_parameters())
    attached = attached_inventory(attach(model, config))
    assert [(b.a_name, b.form, b.alpha) for b in planned.blocks] == [
        (b.a_name, b.form, b.alpha) for b in attached.blocks
    ]
    assert planned.whole == attached.whole == ("classifier",)
    assert planned.saved == attached.saved
    assert f"{PREFIX}classifier.out_proj.bias" in planned.saved


def test_buffers_of_whole_modules_are_saved_too() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
    config = LoraConfig(rank=2, target_modules=["0"], modules_to_save=["1"])
    saved = planned_inventory(model, config).saved
    assert saved[f"{PREFIX}1.running_mean"] == "1.running_mean"
    assert saved[f"{PREFIX}1.num_batches_tracked"] == "1.num_batches_tracked"


def test_the_other_end_of_a_shared_weight_repeats_it(tiny: SimpleNamespace) -> None:
    config = LoraConfig(target_modules=["q_proj"], modules_to_save=["lm_head"], tied="shared")
    inventory = planned_inventory(tiny.llama(tied=True), config)
    assert inventory.echoes == {f"{PREFIX}model.embed_tokens.weight": "lm_head.weight"}
    assert inventory.echoed == ("model.embed_tokens",)
    untied = planned_inventory(tiny.llama(tied=True), config.replace(tied="untie"))
    assert untied.echoes == {}


def test_a_whole_module_inside_a_wrapped_one() -> None:
    class Experts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weights = nn.Parameter(torch.zeros(2, 4, 4))
            self.gate = nn.Linear(4, 2)

    config = LoraConfig(
        rank=2, target_modules=[], target_parameters=["weights"], modules_to_save=["gate"]
    )
    inventory = planned_inventory(nn.ModuleDict({"experts": Experts()}), config)
    assert inventory.saved[f"{PREFIX}experts.base_layer.gate.bias"] == "experts.gate.bias"


def test_what_attach_refuses_is_refused(tiny: SimpleNamespace) -> None:
    with pytest.raises(TargetError, match="did you mean 'query'"):
        planned_inventory(tiny.roberta(), LoraConfig(target_modules=["qurey"]))
    with pytest.raises(TiedWeightError):
        planned_inventory(tiny.llama(tied=True), LoraConfig(target_modules=["lm_head"]))
    with pytest.raises(StateError, match="no adapter attached"):
        attached_inventory(tiny.roberta())
