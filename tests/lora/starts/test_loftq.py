"""LoftQ: algorithm 1 written out, and what it is for."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from verilora.kernels.nf4 import dequantise, quantise
from verilora.lora.layout import Layout
from verilora.lora.starts.loftq import loftq, quantised_base


def drawn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape))) * 0.05


@pytest.mark.parametrize("rounds", [1, 2, 5])
def test_is_algorithm_1(rounds: int) -> None:
    weight = drawn(40, 64)
    found, a, b = loftq(weight, 4, layout=Layout("weight", (40, 64)), scale=2.0, rounds=rounds)
    update = torch.zeros_like(weight)
    for _ in range(rounds):
        quantised = dequantise(quantise(weight - update))
        u, s, vt = torch.linalg.svd(weight - quantised)
        update = u[:, :4] @ torch.diag(s[:4]) @ vt[:4]
    # A block's magnitude is a rounded one, and follows the last bits of the decomposition.
    torch.testing.assert_close(found, quantised, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(2 * b @ a, update, rtol=1e-4, atol=1e-6)


def test_comes_nearer_to_the_weight_than_quantising_alone_and_more_rounds_nearer() -> None:
    weight, layout = drawn(96, 128), Layout("weight", (96, 128))
    plain = (weight - dequantise(quantise(weight))).norm()
    errors = []
    for rounds in (1, 5):
        base, a, b = loftq(weight, 16, layout=layout, scale=0.5, rounds=rounds)
        errors.append((weight - base - 0.5 * b @ a).norm())
    assert errors[1] < errors[0] < 0.9 * plain


def test_the_base_is_one_that_nf4_keeps_without_a_loss() -> None:
    base = quantised_base(drawn(40, 64), 4, layout=Layout("weight", (40, 64)), scale=1.0, rounds=3)
    assert torch.equal(dequantise(quantise(base)), base)


def test_one_round_needs_no_decomposition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.linalg, "svd", None)
    weight = drawn(8, 64)
    found = quantised_base(weight, 4, layout=Layout("weight", (8, 64)), scale=1.0, rounds=1)
    assert torch.equal(found, dequantise(quantise(weight)))


def test_transposed_weights_convolutions_and_stacks_keep_their_shape_and_dtype() -> None:
    for shape, layout in (
        ((12, 8), Layout("weight", (12, 8), transposed=True)),
        ((8, 3, 2, 2), Layout("weight", (8, 3, 2, 2))),
        ((2, 8, 6), Layout("w", (2, 8, 6), experts=2)),
    ):
        weight = drawn(*shape).bfloat16()
        base, a, b = loftq(weight, 2, layout=layout, scale=1.0, rounds=2)
        assert (base.shape, base.dtype) == (weight.shape, weight.dtype)
        assert (tuple(a.shape), tuple(b.shape)) == (layout.a_shape(2), layout.b_shape(2))
        better = (weight - base - layout.dense(a, b, scale=1.0)).norm()
        assert better < (weight - base).norm()
