"""Norms from the factors are those of the matrix written out."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from verilora.kernels.magnitude import Pair, row_norms


def drawn(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=dtype)


def dense(w: Tensor, pairs: list[Pair]) -> Tensor:
    return w + sum((scale * b @ a for a, b, scale in pairs), start=torch.zeros_like(w))


PAIRS: dict[str, list[Pair]] = {
    "none": [],
    "one": [(drawn(2, 6), drawn(5, 2), 1.5)],
    "two": [(drawn(2, 6), drawn(5, 2), 1.5), (drawn(3, 6), drawn(5, 3), -0.5)],
}


@pytest.mark.parametrize("case", PAIRS)
def test_is_the_norm_of_each_row(case: str) -> None:
    w, pairs = drawn(5, 6), PAIRS[case]
    torch.testing.assert_close(row_norms(w, pairs), dense(w, pairs).norm(dim=1))


def test_takes_stacks_and_transposed_views() -> None:
    w, a, b = drawn(3, 5, 6), drawn(3, 2, 6), drawn(3, 5, 2)
    torch.testing.assert_close(row_norms(w, [(a, b, 2.0)]), (w + 2 * b @ a).norm(dim=-1))
    turned = drawn(6, 5).T
    pairs = PAIRS["one"]
    torch.testing.assert_close(row_norms(turned, pairs), dense(turned, pairs).norm(dim=1))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_is_computed_in_float32_whatever_surrounds_it(dtype: torch.dtype) -> None:
    w = drawn(5, 6).to(dtype)
    pairs = [(a.to(dtype), b.to(dtype), s) for a, b, s in PAIRS["two"]]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = row_norms(w, pairs)
    exact = dense(w.double(), [(a.double(), b.double(), s) for a, b, s in pairs]).norm(dim=1)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), exact, rtol=1e-5, atol=1e-6)


def test_takes_no_gradient_and_zero_for_a_row_that_vanishes() -> None:
    w = drawn(5, 6).requires_grad_()
    a, b = torch.linalg.qr(drawn(6, 5)).Q.T, torch.zeros(5, 5, dtype=torch.float64)
    b[2] = -(w.detach()[2] @ a.T)
    shifted = torch.zeros_like(w) + w
    shifted.data[2] = w.data[2] @ a.T @ a
    found = row_norms(shifted, [(a, b, 1.0)])
    assert not found.requires_grad
    assert found[2] < 1e-6
    assert bool((found >= 0).all())
