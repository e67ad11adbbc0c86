"""attach and detach: nothing but the updates is new, and everything comes back, to the bit."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from verilora.errors import LayerError, StateError
from verilora.lora import adapter_parameters, attach, detach, explain, merge
from verilora.lora.attachment import attachment_of, updates_of
from verilora.lora.update import LowRankUpdate
from verilora.records.adapter import LoraConfig

Train = Callable[..., nn.Module]
State = Callable[[nn.Module], Any]


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(7, 4)
        self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 4)
        self.norm = nn.BatchNorm1d(4)
        self.classifier = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))

    def forward(self, ids: Tensor) -> Tensor:
        return self.classifier(self.norm(self.two(self.one(self.embed(ids))).relu()))


IDS = torch.tensor([0, 3, 6, 1])
CONFIG = LoraConfig(2, target_modules=["embed", "one"], modules_to_save=["classifier"])


def test_only_the_updates_and_the_head_are_trained() -> None:
    model = attach(Net(), CONFIG)
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    head = {f"classifier.{name}" for name, _ in Net().classifier.named_parameters()}
    factors = {f"{path}.lora.weight.{f}" for path in ("embed", "one") for f in "AB"}
    assert trained == head | factors
    assert {id(p) for p in adapter_parameters(model)} == {
        id(p) for p in model.parameters() if p.requires_grad
    }
    assert [p.shape for p in adapter_parameters(model)][:2] == [(2, 7), (4, 2)]


def test_frozen_factors_are_not_among_them() -> None:
    model = attach(Net(), CONFIG)
    updates_of(model, "one")["weight"].A.requires_grad_(False)
    assert len(list(adapter_parameters(model))) == 3 + 6


def test_the_model_is_the_users_model() -> None:
    model = Net()
    keys, kind, one = list(model.state_dict()), type(model), model.one
    assert attach(model, CONFIG) is model
    assert type(model) is kind and model.one is one and isinstance(one, nn.Linear)
    assert [key for key in model.state_dict() if ".lora." not in key] == keys
    assert type(model.two) is nn.Linear


def test_gradients_reach_every_update_and_no_base_weight(train: Train) -> None:
    model = train(attach(Net(), CONFIG)).train()
    model(IDS).square().sum().backward()
    for name, parameter in model.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, name
    assert all(
        p.grad.abs().sum() > 0
        for p in model.modules()
        if isinstance(p, LowRankUpdate)
        for p in p.parameters()
    )


@pytest.mark.parametrize("merged", [False, True])
def test_detach_after_training_gives_the_very_model_back(merged: bool, state: State) -> None:
    model = Net()
    model.two.weight.requires_grad_(False)
    model.norm.eval()
    before = state(model)
    attach(model, CONFIG)
    optimizer = torch.optim.AdamW(adapter_parameters(model), lr=0.1, weight_decay=0.5)
    model.train()
    for _ in range(3):
        optimizer.zero_grad()
        model(IDS).square().sum().backward()
        optimizer.step()
    changed = state(model)["bits"]
    assert changed["norm.running_mean"] != before["bits"]["norm.running_mean"]
    assert changed["classifier.0.weight"] != before["bits"]["classifier.0.weight"]
    assert (
        changed["classifier.1.num_batches_tracked"]
        != before["bits"]["classifier.1.num_batches_tracked"]
    )
    if merged:
        merge(model)
    assert detach(model) is model
    model.train()
    model.norm.eval()
    assert state(model) == before
    assert all(p.grad is None for p in model.parameters())


def test_a_gradient_from_before_stays() -> None:
    model = Net()
    model.one.weight.grad = torch.ones(4, 4)
    detach(attach(model, CONFIG))
    assert torch.equal(model.one.weight.grad, torch.ones(4, 4))


def test_attach_detach_attach_begins_anew(train: Train) -> None:
    model = attach(Net(), CONFIG)
    first = {n: p.clone() for n, p in model.named_parameters() if ".lora." in n}
    attach(detach(train(model)), CONFIG)
    again = {n: p for n, p in model.named_parameters() if ".lora." in n}
    assert first.keys() == again.keys()
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_attaching_to_a_part(state: State, train: Train) -> None:
    model = Net()
    before = state(model)
    attach(model.classifier, LoraConfig(1, target_modules=["0", "2"]))
    assert [layer.path for layer in explain(model.classifier)] == ["0", "2"]
    assert model.one.weight.requires_grad and not model.classifier[0].weight.requires_grad
    train(model.classifier)
    detach(model.classifier)
    assert state(model) == before


@pytest.mark.parametrize("wrong", ["twice", "part first", "whole first"])
def test_attached_already(wrong: str, state: State) -> None:
    model = Net()
    attach(
        model.classifier if wrong == "part first" else model, LoraConfig(1, target_modules=["0"])
    )
    before = state(model)
    told = {
        "twice": r"has an adapter already; call detach\(model\) first",
        "part first": "its part 'classifier' has an adapter already",
        "whole first": "is part of one that has an adapter already",
    }[wrong]
    with pytest.raises(StateError, match=told):
        attach(
            model.classifier if wrong == "whole first" else model,
            LoraConfig(1, target_modules=["2"]),
        )
    assert state(model) == before


def test_a_wrapped_model_is_told_to_unwrap(state: State) -> None:
    model = Net()
    compiled, parallel = torch.compile(model, backend="eager"), nn.DataParallel(model)
    before = state(model)
    with pytest.raises(
        StateError, match=r"wrapped in OptimizedModule.*'_orig_mod\.'.* before wrap"
    ):
        attach(compiled, CONFIG)
    with pytest.raises(StateError, match=r"wrapped in DataParallel.*'module\.'"):
        attach(parallel, CONFIG)
    assert state(model) == before


class Slotted(nn.Linear):
    """Python cannot change the class of such an object."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "__class__":
            raise TypeError("object layout differs")
        super().__setattr__(name, value)


@pytest.mark.parametrize("tied", ["untie", "shared"])
def test_an_error_midway_changes_nothing(tied: str, state: State) -> None:
    model = Net()
    model.last = Slotted(4, 7, bias=False)
    model.last.weight = model.embed.weight
    model.embed.register_forward_hook(lambda *_: None)
    before = state(model)
    config = CONFIG.replace(target_modules=["embed", "one", "last"], tied=tied)
    with pytest.raises(
        LayerError, match=r"last \(Slotted\) cannot be adapted: object layout differs"
    ):
        attach(model, config)
    assert state(model) == before
    assert model.last.weight is model.embed.weight
    attach(model, CONFIG.replace(tied="untie"))


def test_an_interrupt_midway_changes_nothing(state: State, monkeypatch: Any) -> None:
    model = Net()
    before = state(model)

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["verilora.lora.attach"], "_freeze", interrupted)
    with pytest.raises(KeyboardInterrupt):
        attach(model, CONFIG)
    assert state(model) == before


def test_a_layer_that_somebody_changed_again_is_not_torn(state: State) -> None:
    model = Net()
    before = state(model)
    attach(model, CONFIG)
    nn.utils.parametrizations.orthogonal(model.one, "weight")
    with pytest.raises(StateError, match=r"one became a ParametrizedLoraLinear since .* undo that"):
        detach(model)
    nn.utils.parametrize.remove_parametrizations(model.one, "weight", leave_parametrized=False)
    assert state(detach(model))["kinds"] == before["kinds"]


def test_memory_is_kept_only_for_what_can_change() -> None:
    model = attach(Net(), CONFIG)
    kept = set(attachment_of(model).originals)
    statistics = {f"norm.{name}" for name, _ in model.norm.named_buffers()}
    assert kept == statistics | {f"classifier.{name}" for name in model.classifier.state_dict()}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_the_model_may_be_cast_afterwards(dtype: torch.dtype, train: Train) -> None:
    plain = Net().eval()
    model = train(attach(copy.deepcopy(plain), CONFIG)).to(dtype)
    assert updates_of(model, "one")["weight"].A.dtype == dtype
    assert model(IDS).dtype == dtype
    merge(model)
    detach(model)
    cast = plain.to(dtype).state_dict()
    assert all(torch.equal(tensor, cast[name]) for name, tensor in model.state_dict().items())


def test_modes_are_kept() -> None:
    model = Net()
    model.one.eval()
    attach(model, CONFIG)
    assert not model.one.lora.training and model.embed.lora.training
    assert all(not m.training for m in model.eval().modules())
