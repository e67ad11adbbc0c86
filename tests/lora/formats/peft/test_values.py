"""Tensors taken apart into factors and whole modules."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from verilora.lora.formats.peft.inventory import Inventory, attached_inventory
from verilora.lora.formats.peft.sites import factors_of
from verilora.lora.formats.peft.values import Values

Saved = Callable[..., tuple[nn.Module, Path]]
PREFIX = "base_model.model."
CASES: dict[str, dict[str, Any]] = {
    "roberta": {"rank": 2, "modules_to_save": ["classifier"]},
    "gpt2": {"rank": 2, "target_modules": ["c_attn"], "fused": {"c_attn": ["q", "v"]}},
    "mixtral": {
        "rank": 2,
        "target_modules": [],
        "target_parameters": ["experts.gate_up_proj", "experts.down_proj"],
    },
}


def _file(saved: Saved, model: nn.Module, **config: Any) -> tuple[nn.Module, Inventory, Any]:
    model, directory = saved(model, **config)
    tensors = load_file(directory / "adapter_model.safetensors")
    return model, attached_inventory(model), tensors


@pytest.mark.parametrize("maker", CASES)
def test_every_factor_is_found_again(maker: str, tiny: SimpleNamespace, saved: Saved) -> None:
    model, inventory, tensors = _file(saved, getattr(tiny, maker)(), **CASES[maker])
    values = Values(model, inventory, tensors=tensors)
    assert values.faults == []
    for site in inventory.sites:
        for name, (a, b) in factors_of(model, site).items():
            assert torch.equal(values.factors[site.path][name][0], a)
            assert torch.equal(values.factors[site.path][name][1], b)
    state = model.state_dict()
    assert all(torch.equal(state[name], value) for name, value in values.whole.items())


def test_values_that_are_not_finite(tiny: SimpleNamespace, saved: Saved) -> None:
    model, inventory, tensors = _file(saved, tiny.roberta(), **CASES["roberta"])
    tensors[f"{PREFIX}classifier.dense.bias"][:2] = float("inf")
    first = next(name for name in tensors if "lora_A" in name)
    tensors[first][0, 0] = float("nan")
    faults = Values(model, inventory, tensors=tensors).faults
    assert sorted(faults) == sorted(
        [
            f"'{first}' has 1 values that are NaN or infinite",
            f"'{PREFIX}classifier.dense.bias' has 2 values that are NaN or infinite",
        ]
    )


def test_whole_values_take_the_model_s_dtype(tiny: SimpleNamespace, saved: Saved) -> None:
    model, inventory, tensors = _file(saved, tiny.roberta(), **CASES["roberta"])
    values = Values(model.half(), inventory, tensors=tensors)
    assert values.faults == []
    assert {value.dtype for value in values.whole.values()} == {torch.float16}
    tensors[f"{PREFIX}classifier.dense.bias"][0] = 1e6
    (told,) = Values(model, inventory, tensors=tensors).faults
    assert "does not fit into the model's torch.float16" in told


def test_the_two_ends_of_a_shared_update_must_agree(tiny: SimpleNamespace, saved: Saved) -> None:
    config = {"rank": 2, "target_modules": ["embed_tokens"], "tied": "shared"}
    model, inventory, tensors = _file(saved, tiny.llama(tied=True), **config)
    assert Values(model, inventory, tensors=tensors).faults == []
    tensors[f"{PREFIX}lm_head.lora_A.weight"][0, 0] += 1
    (told,) = Values(model, inventory, tensors=tensors).faults
    assert told.startswith("'lm_head' shares the weight of 'model.embed_tokens'")


def test_the_two_ends_of_a_shared_whole_module_must_agree(
    tiny: SimpleNamespace, saved: Saved
) -> None:
    config = {"target_modules": ["q_proj"], "modules_to_save": ["lm_head"], "tied": "shared"}
    model, inventory, tensors = _file(saved, tiny.llama(tied=True), **config)
    assert Values(model, inventory, tensors=tensors).faults == []
    tensors[f"{PREFIX}model.embed_tokens.weight"][0, 0] += 1
    (told,) = Values(model, inventory, tensors=tensors).faults
    assert "is the weight 'lm_head.weight' again, with other values" in told


def test_a_block_of_another_form_is_told(tiny: SimpleNamespace, saved: Saved) -> None:
    model, inventory, tensors = _file(saved, tiny.gpt2(), **CASES["gpt2"])
    name = next(name for name in tensors if "lora_B" in name)
    tensors[name] = torch.ones_like(tensors[name])
    (told,) = Values(model, inventory, tensors=tensors).faults
    assert "the update of 'transformer.h.0.attn.c_attn' is not zero outside the parts" in told


def test_nothing_is_changed(tiny: SimpleNamespace, saved: Saved) -> None:
    model, inventory, tensors = _file(saved, tiny.gpt2(), **CASES["gpt2"])
    before: dict[str, Tensor] = {n: t.clone() for n, t in model.state_dict().items()}
    Values(model, inventory, tensors={n: t + 1 for n, t in tensors.items()})
    assert all(torch.equal(before[n], t) for n, t in model.state_dict().items())
