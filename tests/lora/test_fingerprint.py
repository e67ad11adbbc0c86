"""One tensor has one digest, and a tensor without values is known."""

from __future__ import annotations

import torch
from torch._subclasses import FakeTensorMode

from verilora.lora.fingerprint import has_values, tensor_digest


def test_values_are_told_from_shapes() -> None:
    assert has_values(torch.zeros(2))
    assert not has_values(torch.zeros(2, device="meta"))
    with FakeTensorMode():
        assert not has_values(torch.zeros(2))


def test_bytes_that_differ_have_other_digests() -> None:
    assert tensor_digest(torch.zeros(2)) != tensor_digest(torch.ones(2))
    assert tensor_digest(torch.zeros(2)) == tensor_digest(torch.zeros(2).clone())
