"""A layout puts BA where the paper's ΔW belongs, whatever way round the parameter is stored."""

from __future__ import annotations

import pytest
import torch

from verilora.lora.layout import Layout, is_floating

CASES = {
    "linear": (Layout("weight", (6, 4)), lambda m: m),
    "transposed": (Layout("weight", (4, 6), True), lambda m: m.T),
    "convolution": (Layout("weight", (6, 2, 2)), lambda m: m.view(6, 2, 2)),
    "experts": (Layout("w", (3, 6, 4), experts=3), lambda m: m),
    "turned experts": (Layout("w", (3, 4, 6), True, experts=3), lambda m: m.transpose(1, 2)),
}


@pytest.mark.parametrize("name", CASES)
def test_dense_is_ba_in_the_parameters_shape(name: str) -> None:
    layout, stored = CASES[name]
    a, b = torch.randn(layout.a_shape(2)), torch.randn(layout.b_shape(2))
    assert (layout.out_features, layout.in_features) == (6, 4)
    dense = layout.dense(a, b, scale=0.5)
    assert tuple(dense.shape) == layout.shape
    torch.testing.assert_close(dense, stored(0.5 * (b @ a)))


@pytest.mark.parametrize("name", CASES)
def test_the_matrix_is_a_view_of_the_parameter(name: str) -> None:
    layout, _ = CASES[name]
    a, b = torch.randn(layout.a_shape(2)), torch.randn(layout.b_shape(2))
    tensor = torch.zeros(layout.shape)
    layout.matrix(tensor).add_(b @ a)
    torch.testing.assert_close(tensor, layout.dense(a, b, scale=1.0))


@pytest.mark.parametrize("transposed", [False, True])
def test_a_part_touches_its_rows_alone(transposed: bool) -> None:
    layout = Layout("weight", (4, 9) if transposed else (9, 4), transposed, rows=(3, 5))
    a, b = torch.randn(layout.a_shape(2)), torch.randn(layout.b_shape(2))
    assert tuple(b.shape) == (2, 2)
    dense = layout.dense(a, b, scale=1.0)
    matrix = dense.T if transposed else dense
    torch.testing.assert_close(matrix[3:5], b @ a)
    assert matrix[:3].abs().sum() == 0 and matrix[5:].abs().sum() == 0
    assert layout.matrix(dense).shape == (2, 4)


def test_dense_is_differentiable() -> None:
    layout = Layout("weight", (4, 9), True, rows=(3, 5))
    a = torch.randn(layout.a_shape(2), dtype=torch.float64, requires_grad=True)
    b = torch.randn(layout.b_shape(2), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda *t: layout.dense(*t, scale=2.0), (a, b))


def test_whole_numbers_are_not_floating() -> None:
    assert is_floating(torch.zeros(1, dtype=torch.bfloat16))
    assert not any(is_floating(torch.zeros(1, dtype=d)) for d in (torch.int8, torch.bool))


@pytest.mark.parametrize("name", CASES)
def test_factors_of_rows_multiply_the_rows(name: str) -> None:
    layout, _ = CASES[name]
    stack = (layout.experts,) if layout.experts else ()
    factors = torch.rand(*stack, layout.out_features) + 1
    tensor = torch.randn(layout.shape)
    found = tensor * layout.spread([(layout.rows, factors)])
    wanted = tensor.clone()
    layout.matrix(wanted).mul_(factors.unsqueeze(-1))
    torch.testing.assert_close(found, wanted)


def test_several_ranges_leave_ones_between() -> None:
    layout = Layout("weight", (9, 4), rows=(1, 3))
    found = layout.spread([((1, 3), torch.full((2,), 2.0)), ((5, 9), torch.full((4,), 3.0))])
    assert found.flatten().tolist() == [1, 2, 2, 1, 1, 3, 3, 3, 3]
