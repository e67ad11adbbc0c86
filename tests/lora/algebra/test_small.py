"""The small space against dense linear algebra."""

from __future__ import annotations

import math

import pytest
import torch

from verilora.lora.algebra.small import (
    core,
    dense_pieces,
    effective_rank,
    factorise,
    numerical_rank,
    product_norm,
    recompress,
    singular_values,
)


def factors(*stack: int, rank: int = 3, inner: int = 7, out: int = 5, seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    a = torch.randn(*stack, rank, inner, generator=generator, dtype=torch.float64)
    return a, torch.randn(*stack, out, rank, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("stack", [(), (4,)])
@pytest.mark.parametrize("rank", [1, 3, 9])
def test_core_values_and_norm_are_those_of_the_dense_product(stack, rank):
    a, b = factors(*stack, rank=rank)
    q, middle, p = core(a, b)
    torch.testing.assert_close(q @ middle @ p.transpose(-1, -2), b @ a)
    wanted = torch.linalg.svdvals(b @ a * 2)
    found = singular_values(a, b, scale=-2.0)
    torch.testing.assert_close(found, wanted[..., : found.shape[-1]], atol=1e-12, rtol=1e-12)
    assert product_norm(a, b, scale=-2.0) == pytest.approx(float((b @ a * 2).norm()))


def test_norm_of_nothing_is_exactly_zero():
    a, b = factors()
    assert product_norm(a, torch.zeros_like(b)) == 0.0


def test_effective_rank_of_known_spectra():
    assert effective_rank(torch.tensor([5.0, 0.0, 0.0])) == pytest.approx(1)
    assert effective_rank(torch.ones(4)) == pytest.approx(4)
    assert effective_rank(torch.zeros(4)) == 0.0
    # Two shares of 1/4 and 3/4.
    entropy = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    assert effective_rank(torch.tensor([3.0, 1.0])) == pytest.approx(math.exp(entropy))
    assert effective_rank(torch.tensor([[1.0, 1.0], [1.0, 0.0]])) == pytest.approx(1.5)


def test_numerical_rank_counts_what_the_dtype_can_tell():
    a, b = factors(rank=4)
    a[3] = a[2]
    assert numerical_rank(singular_values(a, b), size=7, dtype=torch.float64) == 3
    values = torch.tensor([1.0, 1e-4], dtype=torch.float64)
    assert numerical_rank(values, size=10, dtype=torch.float32) == 2
    assert numerical_rank(values, size=10, dtype=torch.bfloat16) == 1
    assert numerical_rank(torch.zeros(3), size=10, dtype=torch.float32) == 0


@pytest.mark.parametrize("stack", [(), (2,)])
def test_recompression_is_the_best_of_its_rank(stack):
    a, b = factors(*stack, rank=4)
    small_a, small_b, error = recompress(a, b, rank=2)
    assert small_a.shape[-2] == small_b.shape[-1] == 2
    tail = torch.linalg.svdvals(b @ a)[..., 2:]
    assert error == pytest.approx(float(tail.norm()))
    assert float((b @ a - small_b @ small_a).norm()) == pytest.approx(error)
    dense_a, dense_b, dense_error = factorise(b @ a, 2)
    torch.testing.assert_close(dense_b @ dense_a, small_b @ small_a)
    assert dense_error == pytest.approx(error)


def test_recompression_to_the_full_rank_loses_nothing_and_fixes_signs():
    a, b = factors(rank=3)
    small_a, small_b, error = recompress(a, b, rank=8)
    assert small_a.shape == (3, 7)
    assert error == 0
    torch.testing.assert_close(small_b @ small_a, b @ a)
    flipped = recompress(-a, -b, rank=8)
    torch.testing.assert_close(flipped[0], small_a)
    torch.testing.assert_close(flipped[1], small_b)


def test_dense_pieces_are_the_rows_of_the_product(monkeypatch):
    monkeypatch.setattr("verilora.lora.algebra.small.PIECE", 14)
    a, b = factors(2)
    pieces = list(dense_pieces(a.float(), b.float(), scale=0.5))
    assert [piece.shape[0] for piece in pieces] == [2, 2, 1] * 2
    torch.testing.assert_close(
        torch.cat(pieces), 0.5 * (b.float().double() @ a.float().double()).flatten(0, 1)
    )
