"""A packed layer multiplies with its values, and nothing changes it."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from transformers.pytorch_utils import Conv1D

from verilora.lora.fingerprint import tensor_digest
from verilora.lora.quantised.frozen import FrozenLinear

SCHEMES = ["nf4", "int8"]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("shape", [(8, 64), (33, 172), (6, 32)])
def test_answer_and_gradients_are_those_of_a_plain_layer(
    shape: tuple[int, int], scheme: str
) -> None:
    plain = nn.Linear(shape[1], shape[0])
    layer = FrozenLinear(plain, scheme)
    plain = copy.deepcopy(plain)
    plain.weight.data = layer.values(torch.float32)
    inputs = [torch.randn(2, 3, shape[1]).requires_grad_() for _ in range(1)] * 2
    answers = [own(x) for own, x in zip((layer, plain), inputs, strict=True)]
    assert torch.equal(*answers)
    gradient = torch.randn_like(answers[0])
    found, wanted = (
        torch.autograd.grad(answer, (inputs[0], own.bias), gradient)
        for answer, own in zip(answers, (layer, plain), strict=True)
    )
    torch.testing.assert_close(found, wanted)
    assert found[0].norm() > 0


def test_gpt2s_layer_is_packed_by_its_outputs() -> None:
    plain = Conv1D(12, 64)
    nn.init.normal_(plain.weight)
    layer = FrozenLinear(plain, "nf4")
    assert (layer.in_features, layer.out_features, layer.transposed) == (64, 12, True)
    x = torch.randn(3, 64)
    assert torch.equal(layer(x), F.linear(x, layer.values(torch.float32), plain.bias))
    assert (layer(x) - plain(x)).norm() < 0.2 * plain(x).norm()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_running_and_casting_leave_its_bits(scheme: str) -> None:
    model = nn.Sequential(FrozenLinear(nn.Linear(64, 8), scheme))
    bits = {name: tensor_digest(tensor) for name, tensor in model.state_dict().items()}
    for mode in (True, False):
        model.train(mode)
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            assert model(torch.randn(1, 64)).dtype == torch.bfloat16
        model(torch.randn(2, 64, dtype=torch.bfloat16))
    assert {n: tensor_digest(t) for n, t in model.state_dict().items()} == bits
    model.bfloat16()
    model[0].bias.data = model[0].bias.data.float()
    changed = {n for n, t in model.state_dict().items() if tensor_digest(t) != bits[n]}
    assert changed == {"0.bias"}  # rounded as any bias is; no scale is


@pytest.mark.parametrize("scheme", SCHEMES)
def test_copies_and_pickles_answer_alike(scheme: str) -> None:
    layer, x = FrozenLinear(nn.Linear(64, 8), scheme), torch.randn(2, 64)
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(other(x), layer(x))
        assert other.source == layer.source


def test_it_knows_what_it_was() -> None:
    plain = nn.Linear(64, 8, dtype=torch.bfloat16)
    layer = FrozenLinear(plain, "nf4")
    assert layer.source == (tensor_digest(plain.weight), "bfloat16")
    assert "kept as nf4" in repr(layer)
    assert not layer.weight.requires_grad
