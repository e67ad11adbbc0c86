"""Adapters come and go, and what stays is not touched by it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from verilora import AdapterBank, LoraConfig, attach, load_adapter
from verilora.errors import BaseMismatch, StateError

Write = Callable[..., Path]
Alone = Callable[..., Tensor]


def test_places_are_given_and_taken(tiny: SimpleNamespace, write: Write, alone: Alone) -> None:
    model, config = tiny.llama(), {"rank": 2, "target_modules": ["q_proj"]}
    bank = AdapterBank(model, capacity=2, rank=2)
    a, b = (write(name, tiny.llama(), **config) for name in "ab")
    bank.load("a", a)
    with pytest.raises(StateError, match="'a' is loaded already"):
        bank.load("a", b)
    bank.load("b", b)
    with pytest.raises(StateError, match=r"full: 2 adapters .* capacity=3"):
        bank.load("c", a)
    with bank.route(["b"] * 4):
        first = alone(model, None, tiny.ids)
    bank.unload("a")
    with pytest.raises(StateError, match="'a'"):
        bank.unload("a")
    bank.load("another", a)
    with bank.route(["b"] * 4):
        assert torch.equal(alone(model, None, tiny.ids), first)
        with pytest.raises(StateError, match="in a route that is open"):
            bank.unload("b")
    with bank.route(["another"] * 4):
        assert not torch.equal(alone(model, None, tiny.ids), first)
    assert bank.names == ("b", "another") and "2 of 2" in repr(bank)


def test_a_place_keeps_nothing_of_who_was_there(
    tiny: SimpleNamespace, write: Write, alone: Alone
) -> None:
    model = tiny.llama()
    base = alone(model, None, tiny.ids)
    wide = {"rank": 8, "target_modules": "all-linear", "weight_rule": "dora"}
    small = write("b", tiny.llama(), rank=2, target_modules=["v_proj"])
    bank = AdapterBank(model, capacity=1, rank=8)
    bank.load("a", write("a", tiny.llama(), **wide, modules_to_save=["lm_head"]))
    bank.unload("a")
    bank.load("b", small)
    with bank.route([None, "b", "b", "b"]):
        found = alone(model, None, tiny.ids)
    assert torch.equal(found[0], base[0])
    wanted = alone(tiny.llama(), small, tiny.ids)
    assert (found[1:] - wanted[1:]).abs().max() <= 2e-6 * wanted.abs().max()


def test_a_load_that_fails_leaves_the_bank_as_it_was(
    tiny: SimpleNamespace, write: Write, alone: Alone
) -> None:
    model, config = tiny.llama(), {"rank": 2, "target_modules": ["q_proj"]}
    bank = AdapterBank(model, rank=2)
    good = write("a", tiny.llama(), **config)
    bank.load("a", good)
    with bank.route(["a"] * 4):
        before = alone(model, None, tiny.ids)
    other = tiny.llama()
    with torch.no_grad():
        other.model.norm.weight.mul_(2)
    strange = write("b", other, **config)
    with pytest.raises(BaseMismatch, match=r"1 of .* tensors differ"):
        bank.load("b", strange)
    assert bank.names == ("a",)
    bank.load("b", strange, check_base=False)
    with bank.route(["a"] * 4):
        assert torch.equal(alone(model, None, tiny.ids), before)


def test_a_model_takes_one_bank_or_one_adapter(tiny: SimpleNamespace) -> None:
    adapted = attach(tiny.llama(), LoraConfig(target_modules=["q_proj"]))
    with pytest.raises(StateError, match="has an adapter"):
        AdapterBank(adapted)
    model = tiny.llama()
    bank = AdapterBank(model)
    with pytest.raises(StateError, match="has a bank already"):
        AdapterBank(model)
    bank.detach()
    AdapterBank(model)
    with torch.device("meta"), pytest.raises(StateError, match="meta device"):
        AdapterBank(nn.Linear(2, 2))
    with pytest.raises(ValueError, match="at least 1"):
        AdapterBank(tiny.llama(), capacity=0)


def test_places_move_with_the_model(tiny: SimpleNamespace, write: Write, alone: Alone) -> None:
    config = {"rank": 2, "target_modules": ["q_proj"], "modules_to_save": ["lm_head"]}
    model = tiny.llama()
    state = dict(model.state_dict())
    bank = AdapterBank(model)
    bank.load("a", first := write("a", tiny.llama(), **config))
    model.double()
    bank.load("b", first, check_base=False)
    with bank.route(["a", "b", None, None]):
        found = alone(model, None, tiny.ids)
    wanted = alone(tiny.llama(), first, tiny.ids)
    assert found.dtype == torch.float64
    torch.testing.assert_close(found[0].float(), wanted[0], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found[1].float(), wanted[1], rtol=1e-4, atol=1e-4)
    missing, unexpected = model.load_state_dict(state)
    assert not missing and not unexpected


def test_autocast_is_followed(tiny: SimpleNamespace, write: Write) -> None:
    model, config = tiny.llama(), {"rank": 2, "weight_rule": "dora", "target_modules": "all-linear"}
    bank = AdapterBank(model)
    bank.load("a", directory := write("a", tiny.llama(), **config))
    lone = load_adapter(tiny.llama(), directory)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        wanted = lone(input_ids=tiny.ids).logits
        with bank.route(["a"] * 4):
            found = model(input_ids=tiny.ids).logits
    assert found.dtype == wanted.dtype == torch.bfloat16
    # Each rounds to 8 bits after every layer, in another order.
    assert (found - wanted).abs().max() <= 0.05 * wanted.abs().max()
