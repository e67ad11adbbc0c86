"""The base that an adapter was made on, known by its bits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from verilora import LoraConfig, attach, load_adapter
from verilora.errors import BaseMismatch
from verilora.lora import base_digests
from verilora.lora.digests import tensor_digest
from verilora.lora.formats.peft.basecheck import Base
from verilora.lora.formats.peft.inventory import attached_inventory, planned_inventory

Saved = Callable[..., tuple[nn.Module, Path]]
CONFIG = LoraConfig(rank=2, modules_to_save=["classifier"])


@pytest.fixture
def directory(tiny: SimpleNamespace, saved: Saved) -> Path:
    return saved(tiny.roberta(), rank=2, modules_to_save=["classifier"])[1]


def _digests(base: Base) -> dict[str, str]:
    return {name: tensor_digest(tensor) for name, tensor in base.tensors.items()}


def test_the_base_is_the_same_attached_or_not(tiny: SimpleNamespace) -> None:
    model = tiny.roberta()
    bare = Base(model, planned_inventory(model, CONFIG), attached=False)
    before = _digests(bare)
    attach(model, CONFIG)
    assert _digests(Base(model, attached_inventory(model), attached=True)) == before
    assert base_digests(model) == before
    assert not any(name.startswith("classifier") for name in before)


def test_changed_tensors_are_counted_and_named(directory: Path, tiny: SimpleNamespace) -> None:
    other = tiny.roberta()
    with torch.no_grad():
        for layer in other.roberta.encoder.layer:
            layer.intermediate.dense.weight[0, 0] += 1e-3
    with pytest.raises(BaseMismatch) as caught:
        load_adapter(other, directory)
    total = len(other.state_dict()) - 4
    assert f"2 of {total} tensors differ: 'roberta.encoder.layer.0.inter" in str(caught.value)
    assert caught.value.facts["differing"] == tuple(
        f"roberta.encoder.layer.{i}.intermediate.dense.weight" for i in range(2)
    )
    assert load_adapter(other, directory, check_base=False) is other


def test_a_head_that_belongs_to_no_checkpoint_is_told(tiny: SimpleNamespace, saved: Saved) -> None:
    _, directory = saved(tiny.roberta(), rank=2)
    other = tiny.roberta()
    other.classifier.out_proj.reset_parameters()
    with pytest.raises(BaseMismatch, match="every newly started module in modules_to_save"):
        load_adapter(other, directory)


def test_the_head_trained_whole_may_differ(directory: Path, tiny: SimpleNamespace) -> None:
    other = tiny.roberta()
    nn.init.zeros_(other.classifier.out_proj.weight)
    assert load_adapter(other, directory) is other


def test_another_dtype_is_named(directory: Path, tiny: SimpleNamespace) -> None:
    with pytest.raises(BaseMismatch, match=r"made on float32, the model is bfloat16"):
        load_adapter(tiny.roberta().bfloat16(), directory)


def test_names_that_only_one_side_has(directory: Path, tiny: SimpleNamespace) -> None:
    other = tiny.roberta()
    other.register_buffer("extra", torch.zeros(2))
    other.roberta.embeddings.LayerNorm.register_parameter("bias", None)
    with pytest.raises(BaseMismatch) as caught:
        load_adapter(other, directory)
    assert "are not in it: 'roberta.embeddings.LayerNorm.bias'" in str(caught.value)
    assert "it has 1 of other names: 'extra'" in str(caught.value)


def test_a_running_mean_is_part_of_the_base(saved: Saved) -> None:
    def make() -> nn.Module:
        torch.nn.init.eye_((linear := nn.Linear(4, 4)).weight)
        nn.init.zeros_(linear.bias)
        return nn.Sequential(linear, nn.BatchNorm1d(4)).eval()

    _, directory = saved(make(), rank=2, target_modules=["0"])
    other = make()
    other[1].running_mean += 1
    with pytest.raises(BaseMismatch, match=r"1 of 7 tensors differ: '1\.running_mean'"):
        load_adapter(other, directory)


def test_the_model_is_as_it_was(directory: Path, tiny: SimpleNamespace) -> None:
    other = tiny.roberta().bfloat16()
    before = {name: tensor.clone() for name, tensor in other.state_dict().items()}
    with pytest.raises(BaseMismatch):
        load_adapter(other, directory)
    after = other.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
