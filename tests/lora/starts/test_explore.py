"""EVA on a model: ranks are spread, scales stay, and what has no vectors as inputs is refused."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from verilora.errors import LayerError, StateError
from verilora.lora import attach, explain
from verilora.lora.attachment import attachment_of
from verilora.records.adapter import LoraConfig


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words, self.one, self.two = nn.Embedding(9, 12), nn.Linear(12, 12), nn.Linear(12, 12)
        self.idle = nn.Linear(12, 12)

    def forward(self, ids: Tensor) -> Tensor:
        # What reaches `two` has two directions; what reaches `one` has eight.
        narrow = self.one(self.words(ids)) @ torch.diag(torch.tensor([1.0, 1, *[1e-3] * 10]))
        return self.two(narrow)


def model() -> Net:
    torch.manual_seed(1)
    return Net().eval()


BATCHES = [torch.arange(27).view(3, 9) % 9, torch.arange(18).view(2, 9) % 7]


@pytest.mark.parametrize("scale_rule", ["lora", "rslora"])
def test_ranks_are_spread_and_scales_stay(scale_rule: str) -> None:
    net = model()
    before = net(BATCHES[0])
    config = LoraConfig(4, 8, target_modules=("one", "two"), init="eva", scale_rule=scale_rule)
    attach(net, config, batches=BATCHES)
    assert torch.equal(net(BATCHES[0]), before)
    found = {layer.path: layer for layer in explain(net)}
    assert found["one"].rank == 6
    assert found["two"].rank == 2
    for layer in found.values():
        assert layer.scale == pytest.approx(config.scale(layer.path))
    own = attachment_of(net).config
    assert (own.rank_of("one"), own.rank_of("two"), own.init) == (6, 2, "eva")
    a = net.two.lora["weight"].A  # type: ignore[union-attr, index]
    torch.testing.assert_close(a @ a.T, torch.eye(2), rtol=1e-5, atol=1e-5)
    assert not (a[:, 2:].abs() > 0.01).any()


def test_a_spread_of_one_leaves_the_ranks() -> None:
    net = model()
    config = LoraConfig(4, 8, target_modules=("one", "two"), init="eva", rank_spread=1)
    attach(net, config, batches=BATCHES)
    assert [layer.rank for layer in explain(net)] == [4, 4]


def test_the_same_batches_give_the_same_bits() -> None:
    found = []
    for _ in range(2):
        net = attach(model(), LoraConfig(4, target_modules=("one",), init="eva"), batches=BATCHES)
        found.append(net.one.lora["weight"].A)  # type: ignore[union-attr, index]
    assert torch.equal(*found)


@pytest.mark.parametrize("batches", [None, [], iter(())])
def test_without_batches_it_is_refused(batches: Iterable[Any] | None) -> None:
    with pytest.raises(StateError, match="give attach some batches"):
        attach(model(), LoraConfig(4, target_modules=("one",), init="eva"), batches=batches)


def test_batches_may_be_given_one_by_one() -> None:
    found = []
    for batches in (BATCHES, iter(BATCHES)):
        net = attach(model(), LoraConfig(4, target_modules=("one",), init="eva"), batches=batches)
        found.append(net.one.lora["weight"].A)  # type: ignore[union-attr, index]
    assert torch.equal(*found)


@pytest.mark.parametrize(
    ("target", "batches", "told"),
    [
        ("words", BATCHES, "words is Embedding, whose inputs are no vectors"),
        ("idle", BATCHES, "idle is never called with these batches"),
        ("one", [torch.zeros(1, 3, dtype=torch.long)], "give more batches"),
        ("one", [torch.tensor([[0, 1, 2]])], "rank 4 needs as many: give more batches"),
    ],
)
def test_what_cannot_start_so_is_refused_and_nothing_changed(
    target: str, batches: list[Tensor], told: str
) -> None:
    net = model()
    names = list(net.state_dict())
    with pytest.raises(LayerError, match=told):
        attach(net, LoraConfig(4, target_modules=(target,), init="eva"), batches=batches)
    assert list(net.state_dict()) == names
    assert all(parameter.requires_grad for parameter in net.parameters())
