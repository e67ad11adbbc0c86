"""A module's class is changed in place and given back; heads take their rows of a batch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from verilora import AdapterBank
from verilora.errors import LayerError
from verilora.serve.layers import BankedLinear, BankedWhole, bank_module, restore_module
from verilora.serve.route import Routing
from verilora.serve.slots import Heads

Write = Callable[..., Path]


class Pair(nn.Module):
    """A head that answers with a tuple."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.classifier = nn.Linear(4, 4), Twice()

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.body(x))[0]


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.dense(x), self.dense(x)


def test_classes_are_put_on_and_taken_off_in_any_order() -> None:
    for ways in ((BankedLinear, BankedWhole), (BankedWhole, BankedLinear)):
        module = nn.Linear(2, 2)
        before = dict(vars(module))
        for way in ways:
            bank_module(module, way, held=Heads(), routing=Routing())
        assert isinstance(module, nn.Linear) and isinstance(module, ways[0])
        assert module(torch.ones(1, 2)).shape == (1, 2)
        restore_module(module)
        assert type(module) is nn.Linear and vars(module) == before and not module._modules


def test_a_layer_is_adapted_by_one_and_whole_in_another(
    tiny: SimpleNamespace, write: Write, alone: Callable[..., Tensor]
) -> None:
    configs = {
        "a": {"rank": 2, "target_modules": ["lm_head"], "weight_rule": "dora"},
        "b": {"rank": 2, "target_modules": ["q_proj"], "modules_to_save": ["lm_head"]},
    }
    found = {name: write(name, tiny.llama(), **config) for name, config in configs.items()}
    for order in ("ab", "ba"):
        model = tiny.llama()
        bank = AdapterBank(model)
        for name in order:
            bank.load(name, found[name])
        with bank.route(["a", "b", None, "b"]):
            together = alone(model, None, tiny.ids)
        for row, name in enumerate("ab"):
            wanted = alone(tiny.llama(), found[name], tiny.ids)[row]
            assert (together[row] - wanted).abs().max() <= 2e-6 * wanted.abs().max()


def test_a_head_that_gives_no_tensor_is_refused(tiny: SimpleNamespace, write: Write) -> None:
    config = {"rank": 2, "target_modules": ["body"], "modules_to_save": ["classifier"]}
    model = tiny.seeded(Pair)
    bank = AdapterBank(model)
    bank.load("a", write("a", tiny.seeded(Pair), **config))
    with bank.route(["a"]), pytest.raises(LayerError, match="Twice was trained whole"):
        model(torch.ones(1, 4))
    assert model(torch.ones(1, 4)).shape == (1, 2)
