"""Biases that are trained: which they are, that they come back, and the peer's choice of them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import peft
import pytest
import torch
from torch import Tensor, nn

from verilora.errors import TargetError
from verilora.lora import adapter_parameters, attach, base_digests, detach, explain, merge, unmerge
from verilora.lora.attachment import attachment_of
from verilora.records.adapter import LoraConfig


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.q, self.norm, self.head = nn.Linear(6, 6), nn.LayerNorm(6), nn.Linear(6, 2)
        self.bare = nn.Linear(6, 6, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.bare(self.q(x))))


def model() -> Net:
    torch.manual_seed(0)
    return Net()


def config(bias: str, **more: Any) -> LoraConfig:
    return LoraConfig(2, target_modules=("q", "bare"), bias=bias, **more)


@pytest.mark.parametrize(
    ("bias", "wanted"),
    [
        ("none", ()),
        ("lora_only", ("q.bias",)),
        ("all", ("q.bias", "norm.bias", "head.bias")),
    ],
)
def test_are_those_that_the_peer_trains(bias: Any, wanted: tuple[str, ...]) -> None:
    own = attach(model(), config(bias))
    assert attachment_of(own).biases == wanted
    trained = {name for name, p in own.named_parameters() if p.requires_grad and "lora" not in name}
    assert trained == set(wanted)
    theirs = peft.get_peft_model(
        model(), peft.LoraConfig(r=2, target_modules=["q", "bare"], bias=bias)
    )
    names = {
        name.removeprefix("base_model.model.").replace(".base_layer", "")
        for name, parameter in theirs.named_parameters()
        if parameter.requires_grad and "lora" not in name
    }
    assert names == set(wanted)


def test_are_given_back_to_the_bit_and_belong_to_the_base(train: Callable[..., Any]) -> None:
    net = model()
    before = copy.deepcopy(net.state_dict())
    attach(net, config("all"))
    digests = base_digests(net)
    train(net)
    assert not torch.equal(net.q.bias, before["q.bias"])
    assert base_digests(net) == digests
    net(torch.ones(1, 6)).sum().backward()
    detach(net)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert net.norm.bias.grad is None
    assert all(parameter.requires_grad for parameter in net.parameters())


def test_stay_trained_when_merged(train: Callable[..., Any]) -> None:
    net, x = train(attach(model(), config("lora_only"))).eval(), torch.randn(3, 6)
    output, bias = net(x), net.q.bias.clone()
    merge(net, probe=x)
    assert torch.equal(net.q.bias, bias)
    torch.testing.assert_close(net(x), output)
    assert set(net.state_dict()) == set(model().state_dict())
    unmerge(net)
    assert torch.equal(net(x), output)


def test_are_counted_and_yielded_once() -> None:
    net = attach(model(), config("all", modules_to_save=("head",)))
    assert attachment_of(net).biases == ("q.bias", "norm.bias")
    trained = list(adapter_parameters(net))
    assert len({id(parameter) for parameter in trained}) == len(trained)
    assert any(parameter is net.norm.bias for parameter in trained)
    explained = explain(net)
    assert explained.whole_parameters == 6 + 6 + 14
    total = sum(parameter.numel() for parameter in trained)
    assert total == explained.adapter_parameters + explained.whole_parameters


def test_where_there_are_none_it_is_refused() -> None:
    with pytest.raises(TargetError, match='bias is "lora_only", and the modules that are adapted'):
        attach(model(), LoraConfig(2, target_modules=("bare",), bias="lora_only"))
    with pytest.raises(TargetError, match='bias is "all", and the model has none'):
        attach(
            nn.Sequential(nn.Linear(4, 4, bias=False)),
            LoraConfig(2, target_modules=("0",), bias="all"),
        )
