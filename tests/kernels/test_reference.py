"""The definition is checked against the paper's equation written out with dense matrices."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from verilora.errors import ShapeError
from verilora.kernels.reference import (
    dense_update,
    embedding_update,
    linear_update,
    lora_linear,
    mix_channels,
)


def drawn(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(len(shape)), dtype=dtype)


@pytest.mark.parametrize("shape", [(5,), (4, 5), (2, 3, 5), (0, 5)])
def test_linear_is_the_equation(shape: tuple[int, ...]) -> None:
    x, w, a, b = drawn(*shape), drawn(7, 5), drawn(2, 5), drawn(7, 2)
    y = lora_linear(x, w, a=a, b=b, scale=1.5)
    torch.testing.assert_close(y, x @ (w + 1.5 * b @ a).T)


def test_linear_gradients_are_those_of_the_equation() -> None:
    x, a, b = (t.requires_grad_() for t in (drawn(4, 5), drawn(2, 5), drawn(7, 2)))
    assert torch.autograd.gradcheck(
        lambda *t: linear_update(t[0], a=t[1], b=t[2], scale=3), (x, a, b)
    )


def test_the_frozen_weight_gets_no_gradient() -> None:
    w, a, b = drawn(7, 5), drawn(2, 5).requires_grad_(), drawn(7, 2).requires_grad_()
    lora_linear(drawn(4, 5), w, a=a, b=b, scale=1.0).sum().backward()
    assert w.grad is None
    assert a.grad is not None and b.grad is not None


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_activations_keep_their_dtype(dtype: torch.dtype) -> None:
    a, b = drawn(2, 5, dtype=torch.float32), drawn(7, 2, dtype=torch.float32)
    assert linear_update(drawn(4, 5, dtype=dtype), a=a, b=b, scale=1.0).dtype == dtype
    ids = torch.tensor([0, 3])
    found = embedding_update(ids, a=a, b=b, scale=1.0, padding_idx=None, dtype=dtype)
    assert found.dtype == dtype
    h = drawn(1, 2, 9, dtype=dtype)
    assert mix_channels(h, b=b, scale=1.0, dimensions=1).dtype == dtype


def test_embedding_is_a_row_of_the_dense_update() -> None:
    a, b, ids = drawn(2, 9), drawn(4, 2), torch.tensor([[1, 8], [0, 1]])
    found = embedding_update(ids, a=a, b=b, scale=0.5, padding_idx=None, dtype=a.dtype)
    torch.testing.assert_close(found, F.embedding(ids, dense_update(a, b, scale=0.5).T))


def test_the_padding_row_gets_no_gradient() -> None:
    a = drawn(2, 9).requires_grad_()
    ids = torch.tensor([1, 8, 8])
    embedding_update(
        ids, a=a, b=drawn(4, 2), scale=1.0, padding_idx=8, dtype=a.dtype
    ).sum().backward()
    assert a.grad is not None
    assert a.grad[:, 1].abs().sum() > 0
    assert a.grad[:, 8].abs().sum() == 0


@pytest.mark.parametrize("dimensions", [1, 2, 3])
@pytest.mark.parametrize("batch", [(), (2,)])
def test_mixing_channels_is_a_product_over_them(dimensions: int, batch: tuple[int, ...]) -> None:
    h, b = drawn(*batch, 3, *[4] * dimensions), drawn(5, 3)
    found = mix_channels(h, b=b, scale=2.0, dimensions=dimensions)
    wanted = torch.einsum("or,...rp->...op", b, h.flatten(len(batch) + 1)) * 2
    torch.testing.assert_close(found.flatten(len(batch) + 1), wanted)


@pytest.mark.parametrize("stack", [(), (3,)])
def test_dense_is_the_scaled_product(stack: tuple[int, ...]) -> None:
    a, b = drawn(*stack, 2, 5), drawn(*stack, 7, 2)
    torch.testing.assert_close(dense_update(a, b, scale=0.25), 0.25 * (b @ a))
    assert dense_update(a.half(), b.half(), scale=1.0).dtype == torch.float32


def test_dense_is_not_rounded_by_autocast() -> None:
    a, b = drawn(2, 5, dtype=torch.float32), drawn(7, 2, dtype=torch.float32)
    plain = dense_update(a, b, scale=1.0)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(dense_update(a, b, scale=1.0), plain)
    meta = dense_update(a.to("meta"), b.to("meta"), scale=1.0)
    assert meta.shape == plain.shape


def test_ranks_that_disagree_are_told() -> None:
    a, b = drawn(2, 5), drawn(7, 3)
    calls = [
        lambda: linear_update(drawn(4, 5), a=a, b=b, scale=1.0),
        lambda: dense_update(a, b, scale=1.0),
        lambda: embedding_update(
            torch.tensor([0]), a=a, b=b, scale=1.0, padding_idx=None, dtype=a.dtype
        ),
    ]
    for call in calls:
        with pytest.raises(ShapeError, match=r"A \(2, 5\) has rank 2, B \(7, 3\) has rank 3"):
            call()
