"""Each form packs without rounding, means what PEFT computes, and takes apart what it packed."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some
from torch import Tensor

from verilora.lora.formats.peft.forms import (
    Experts,
    Form,
    FormError,
    Fused,
    Grouped,
    Whole,
    alpha_for,
)
from verilora.lora.formats.peft.sites import Factors


def _random(*shapes: tuple[int, ...]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator) for shape in shapes]


def _check_round_trip(form: Form, factors: Sequence[Factors]) -> Factors:
    a, b = form.pack(factors)
    assert (tuple(a.shape), tuple(b.shape)) == (form.a_shape, form.b_shape)
    back = form.unpack(a.contiguous(), b.contiguous())
    for (own_a, own_b), (other_a, other_b) in zip(factors, back, strict=True):
        assert torch.equal(own_a, other_a)
        assert torch.equal(own_b, other_b)
    return a, b


def test_a_plain_pair_stays_as_it_is() -> None:
    a, b = _random((2, 5), (3, 2))
    packed = _check_round_trip(Whole(2, 3, 5), [(a, b)])
    assert torch.equal(packed[0], a)
    assert torch.equal(packed[1], b)


def test_a_swapped_pair_means_the_transpose() -> None:
    a, b = _random((2, 5), (3, 2))
    packed = _check_round_trip(Whole(2, 3, 5, swapped=True), [(a, b)])
    torch.testing.assert_close(packed[1] @ packed[0], (b @ a).t())


def test_a_convolution_has_its_kernels_shape() -> None:
    a, b = _random((2, 4 * 3 * 3), (6, 2))
    kernel, mix = _check_round_trip(Whole(2, 6, 36, (4, 3, 3)), [(a, b)])
    assert kernel.shape == (2, 4, 3, 3)
    assert mix.shape == (6, 2, 1, 1)


def test_fused_parts_add_up_to_one_matrix() -> None:
    parts = [tuple(_random((2, 5), (rows, 2))) for rows in (3, 4)]
    form = Fused(2, ((0, 3), (5, 9)), 9, 5)
    a, b = _check_round_trip(form, parts)  # type: ignore[arg-type]
    dense = torch.zeros(9, 5)
    dense[0:3], dense[5:9] = parts[0][1] @ parts[0][0], parts[1][1] @ parts[1][0]
    torch.testing.assert_close(b @ a, dense)


@pytest.mark.parametrize("place", [(0, 2), (4, 0), (8, 1)])
def test_a_fused_block_that_is_not_zero_outside_is_told(place: tuple[int, int]) -> None:
    form = Fused(2, ((0, 3), (5, 9)), 9, 5)
    b = torch.zeros(9, 4)
    b[place] = 1e-30
    with pytest.raises(FormError, match="not zero outside the parts"):
        form.unpack(torch.zeros(4, 5), b)


def test_groups_read_their_own_channels() -> None:
    a, b = _random((2, 3 * 5), (4, 2))
    form = Grouped(2, 2, 4, (3, 5))
    kernel, mix = _check_round_trip(form, [(a, b)])
    assert kernel.shape == (4, 6, 5)
    assert mix.shape == (4, 2, 1)
    assert torch.equal(kernel[2:, 3:], kernel[:2, :3])
    assert not kernel[:2, 3:].any()
    assert not kernel[2:, :3].any()


def test_groups_that_mix_or_differ_are_told() -> None:
    form = Grouped(1, 2, 4, (1, 1))
    b = torch.zeros(4, 1, 1)
    with pytest.raises(FormError, match="mixes the groups"):
        form.unpack(torch.ones(2, 2, 1), b)
    with pytest.raises(FormError, match="in another way"):
        form.unpack(torch.diag(torch.tensor([1.0, 2.0]))[:, :, None], b)


def test_experts_lie_as_peft_reads_them() -> None:
    a, b = _random((3, 2, 5), (3, 4, 2))
    packed = _check_round_trip(Experts(2, 3, 4, 5), [(a, b)])
    # peft 0.21.2, ParamWrapper.get_delta_weight
    rows = packed[0].reshape(3, -1, 5)
    columns = packed[1].reshape(4, -1, 3)
    torch.testing.assert_close(torch.einsum("ore,eri->eoi", columns, rows), b @ a)


@given(
    some.integers(1, 64),
    some.integers(1, 8),
    some.floats(0.01, 1000),
    some.booleans(),
)
def test_alpha_keeps_the_scale(rank: int, times: int, alpha: float, root: bool) -> None:
    other = alpha_for(rank * times, of=alpha, at_rank=rank, root=root)
    power = 0.5 if root else 1.0
    assert other / (rank * times) ** power == pytest.approx(alpha / rank**power, rel=1e-12)
    assert alpha_for(rank, of=alpha, at_rank=rank, root=root) == alpha


def test_a_whole_alpha_is_written_as_one() -> None:
    alpha = alpha_for(8, of=16, at_rank=2, root=True)
    assert alpha == 32
    assert isinstance(alpha, int)
