"""What is remembered about an attachment, and how a model without one is told."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable

import pytest
import torch
from torch import nn

from verilora.errors import StateError
from verilora.lora import (
    adapter_parameters,
    attach,
    base_digests,
    detach,
    explain,
    merge,
    unmerge,
)
from verilora.lora.attachment import (
    attached_part,
    attachment_of,
    base_tensors,
    copy_of,
    each_update_set,
    is_adapter_name,
    is_merged,
    kept_bits,
    updates_of,
)
from verilora.records.adapter import LoraConfig

CALLS = [
    adapter_parameters,
    base_digests,
    detach,
    explain,
    merge,
    unmerge,
    is_merged,
    each_update_set,
]


def model() -> nn.Module:
    return nn.ModuleDict({"a": nn.Linear(4, 4), "b": nn.Linear(4, 4), "head": nn.Linear(4, 2)})


def attached() -> nn.Module:
    return attach(model(), LoraConfig(2, target_modules=["a", "b"], modules_to_save=["head"]))


@pytest.mark.parametrize("call", CALLS)
def test_without_an_adapter(call: Callable[[nn.Module], object]) -> None:
    with pytest.raises(StateError, match=r"Linear has no adapter attached; call attach\(model"):
        list(call(nn.Linear(4, 4)) or [])  # type: ignore[call-overload]


@pytest.mark.parametrize("call", CALLS)
def test_an_adapter_on_a_part(call: Callable[[nn.Module], object]) -> None:
    whole = nn.ModuleDict({"part": attached()})
    with pytest.raises(StateError, match="no adapter attached; its part 'part' has: give that"):
        list(call(whole) or [])  # type: ignore[call-overload]
    assert attached_part(whole) == "part" and attached_part(whole["part"]) == ""
    assert attached_part(detach(whole["part"])) is None


def test_layers_are_known_by_path_and_rule() -> None:
    layers = attachment_of(attached()).layers
    assert list(layers) == ["a", "b"]
    assert (layers["a"].kind, layers["a"].rule, layers["a"].rules) == (
        "Linear",
        "a",
        {"weight": "a"},
    )


def test_a_replaced_module_is_told() -> None:
    one = attached()
    assert updates_of(one, "a")["weight"].rank == 2
    one["a"] = nn.Linear(4, 4)
    with pytest.raises(StateError, match="a was replaced since attach and has lost its adapter"):
        merge(one)
    one["head"] = nn.Linear(4, 2)
    assert one["b"].lora is updates_of(one, "b")


def test_a_head_that_is_gone_cannot_be_given_back() -> None:
    one = attached()
    kept, one["head"] = one["head"], nn.Identity()
    with pytest.raises(StateError, match=r"head.weight was trained whole .* put the module back"):
        detach(one)
    assert explain(one)
    one["head"] = kept
    assert not hasattr(detach(one)["a"], "lora")


def test_adapter_names_are_known_by_type_not_by_spelling() -> None:
    one = nn.ModuleDict({"lora": nn.ModuleDict({"x": nn.Linear(4, 4)})})
    attach(one, LoraConfig(2, target_modules=["x"]))
    names = {name: is_adapter_name(one, name) for name in one.state_dict()}
    assert names == {
        "lora.x.weight": False,
        "lora.x.bias": False,
        "lora.x.lora.weight.A": True,
        "lora.x.lora.weight.B": True,
    }
    assert set(base_digests(one)) == {"lora.x.weight", "lora.x.bias"}


def test_base_tensors_are_the_bits_before(train: Callable[..., nn.Module]) -> None:
    one = attached()
    before = {name: copy_of(tensor) for name, tensor in model().state_dict().items()}
    one.load_state_dict(before, strict=False)
    merge(train(one))
    found = dict(base_tensors(one))
    assert list(found) == ["a.weight", "a.bias", "b.weight", "b.bias"]
    assert all(torch.equal(tensor, before[name]) for name, tensor in found.items())
    assert set(kept_bits(one)) == {
        id(one["a"]._parameters["weight"]),
        id(one["b"]._parameters["weight"]),
    }


def test_a_head_under_two_names_is_no_base() -> None:
    one = model()
    one["alias"] = one["head"]
    attach(one, LoraConfig(2, target_modules=["a"], modules_to_save=["alias"]))
    assert set(base_digests(one)) == {"a.weight", "a.bias", "b.weight", "b.bias"}


def test_it_travels_with_copies_and_files(train: Callable[..., nn.Module]) -> None:
    one = train(attached())
    file = io.BytesIO()
    torch.save(one, file)
    file.seek(0)
    for other in (copy.deepcopy(one), torch.load(file, weights_only=False)):
        assert attachment_of(other).config == attachment_of(one).config
        assert attachment_of(other) is not attachment_of(one)
        assert str(explain(other)) == str(explain(one))
        merge(other)
        assert is_merged(other) and not is_merged(one)
        with pytest.raises(StateError, match="loading a state dict while the model is merged"):
            other.load_state_dict({}, strict=False)
        one.load_state_dict({}, strict=False)
        detach(other).load_state_dict({}, strict=False)
        assert not other._load_state_dict_pre_hooks
