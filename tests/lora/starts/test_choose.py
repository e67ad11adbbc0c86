"""Every `init` has a start; a blank one has its shapes and none of its work."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from verilora.lora import attach, detach
from verilora.lora.attach import attach_blank
from verilora.lora.layout import Layout
from verilora.lora.starts import Place, Start, beginner, blank
from verilora.records.adapter import INITS, LoraConfig

WITHOUT_DATA = [init for init in INITS if init != "eva"]


def place(device: str = "cpu", *, embedding: bool = False) -> Place:
    weight = torch.randn(8, 6, generator=torch.Generator().manual_seed(0)).to(device)
    layout = Layout("weight", (8, 6), transposed=embedding)
    return Place("a.weight", layout, weight, 2, 2.0, embedding)


def begin(init: str, at: Place) -> Start:
    return beginner(LoraConfig(rank=2, alpha=4, init=init))(at)


@pytest.mark.parametrize("init", WITHOUT_DATA)
@pytest.mark.parametrize("embedding", [False, True])
def test_has_the_shapes_and_says_what_becomes_of_the_base(init: str, embedding: bool) -> None:
    at = place(embedding=embedding)
    found = begin(init, at)
    assert (tuple(found.a.shape), tuple(found.b.shape)) == at.shapes
    assert (found.a.dtype, found.b.dtype) == (torch.float32, torch.float32)
    product = 2 * found.b @ found.a
    assert found.residual == (init in ("pissa", "olora", "loftq"))
    assert (found.weight is not None) == (init == "loftq")
    if not found.residual:
        assert product.abs().max() < 1e-6
    elif found.weight is not None:
        matrix = found.weight.T if embedding else found.weight
        assert (at.matrix - matrix - product).norm() < 0.8 * (at.matrix - matrix).norm()
    elif init == "pissa":
        assert (at.matrix - product).norm() < at.matrix.norm()
    else:
        torch.testing.assert_close((at.matrix - product / 2)[:, :2].norm(), torch.tensor(0.0))


@pytest.mark.parametrize("init", INITS)
def test_a_blank_one_is_of_the_same_kind_without_values(init: str) -> None:
    config = LoraConfig(rank=2, init=init)
    found = blank(config)(place())
    assert not found.a.any()
    assert not found.b.any()
    assert found.residual == (init in ("pissa", "olora", "loftq"))
    if init == "loftq":
        wanted = begin(init, place()).weight
        assert found.weight is not None
        assert wanted is not None
        assert torch.equal(found.weight, wanted)


@pytest.mark.parametrize("init", INITS)
def test_a_meta_device_holds_no_values(init: str) -> None:
    found = begin(init, place("meta"))
    assert found.a.is_meta
    assert found.weight is None


@pytest.mark.parametrize("init", ["pissa", "olora", "eva"])
def test_attaching_blank_decomposes_nothing(init: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("svd", "qr", "eigh"):
        monkeypatch.setattr(torch.linalg, name, None)
    model = nn.Sequential(nn.Linear(6, 5))
    attach_blank(model, LoraConfig(rank=2, target_modules=("0",), init=init))
    assert not any(parameter.any() for parameter in model[0].lora.parameters())  # type: ignore
    detach(model)
    if init != "eva":
        with pytest.raises(TypeError):
            attach(model, LoraConfig(rank=2, target_modules=("0",), init=init))


def test_loftqs_base_is_replaced_and_given_back() -> None:
    model: Any = nn.Sequential(nn.Linear(70, 5))
    before = model[0].weight.clone()
    attach(model, LoraConfig(rank=2, target_modules=("0",), init="loftq"))
    assert model[0].weight.unique().numel() < before.unique().numel() / 2
    detach(model)
    assert torch.equal(model[0].weight, before)
