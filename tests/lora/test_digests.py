"""A digest names the bytes of a base tensor, whatever the adapter does meanwhile."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable

import pytest
import torch
from torch import nn

from verilora.errors import StateError
from verilora.lora import attach, base_digests, detach, merge, unmerge
from verilora.lora.digests import tensor_digest
from verilora.records.adapter import LoraConfig


def test_the_digest_is_that_of_head_and_bytes() -> None:
    content = b"float32[2,2]" + struct.pack("<4f", 1, 2, 3, 4)
    wanted = f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert tensor_digest(torch.tensor([[1.0, 2], [3, 4]])) == wanted
    assert tensor_digest(torch.tensor([[1.0, 3], [2, 4]]).T) == wanted


@pytest.mark.parametrize(
    "tensor",
    [
        torch.zeros(2),
        torch.zeros(2, 1),
        torch.zeros(2, dtype=torch.bfloat16),
        torch.zeros(2, dtype=torch.bool),
        torch.zeros(()),
        torch.zeros(0, 3),
        torch.zeros(0, 4),
        torch.tensor([-0.0, 0.0]),
    ],
)
def test_dtype_shape_and_bits_each_matter(tensor: torch.Tensor) -> None:
    assert tensor_digest(tensor) == tensor_digest(tensor.clone())
    others = [torch.ones(2), torch.zeros(3), torch.zeros(2, dtype=torch.float16)]
    assert tensor_digest(tensor) not in [tensor_digest(other) for other in others]


def test_the_base_is_the_base_whatever_happens(train: Callable[..., nn.Module]) -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    plain = {name: tensor_digest(tensor) for name, tensor in model.state_dict().items()}
    wanted = {name: digest for name, digest in plain.items() if not name.startswith("2.")}
    attach(model, LoraConfig(rank=2, target_modules=["0"], modules_to_save=["2"]))
    assert base_digests(model) == wanted
    train(model).train()(torch.randn(5, 4))
    assert base_digests(model) == wanted
    merge(model)
    assert base_digests(model) == wanted
    unmerge(model)
    model[0].weight.data += 1
    assert base_digests(model) != wanted
    assert base_digests(model)["1.running_mean"] == wanted["1.running_mean"]


def test_without_an_adapter_or_without_bytes_there_are_none() -> None:
    with pytest.raises(StateError, match="no adapter attached"):
        base_digests(nn.Linear(4, 4))
    model = nn.Sequential(nn.Linear(4, 4, device="meta"))
    attach(model, LoraConfig(rank=2, target_modules=["0"]))
    with pytest.raises(StateError, match=r"0\.weight is on the meta device"):
        base_digests(model)
    assert not hasattr(detach(model)[0], "lora")
