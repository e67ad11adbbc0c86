"""What is packed has bitsandbytes' bits, and is unpacked right for every shape."""

from __future__ import annotations

import pytest
import torch
from torch._subclasses import FakeTensorMode

from verilora.kernels import nf4
from verilora.lora.quantised.packing import SCHEMES, pack, unpack

SHAPES = [(48, 64), (48, 32), (33, 172), (7, 9), (130, 256)]


def weight(shape: tuple[int, int]) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 0.02


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", SHAPES)
def test_nf4_is_that_of_plain_torch_to_the_bit(shape: tuple[int, int], dtype: torch.dtype) -> None:
    matrix = weight(shape).to(dtype)
    codes, scales = pack(matrix, "nf4")
    wanted = nf4.quantise(matrix, double=True)
    assert torch.equal(codes.flatten(), wanted.codes)
    found = unpack(codes, scales, shape=shape, dtype=torch.float32)
    own = nf4.dequantise(wanted, torch.float32)
    # Of two equally near codes for a block's magnitude, which bfloat16 makes likely, either may
    # be taken: a hundredth of a magnitude.
    bound = 0.0 if dtype == torch.float32 else 0.02
    torch.testing.assert_close(found, own, rtol=bound, atol=0)


@pytest.mark.parametrize("shape", SHAPES)
def test_int8_misses_no_weight_by_more_than_half_a_step(shape: tuple[int, int]) -> None:
    matrix = weight(shape)
    codes, scales = pack(matrix, "int8")
    found = unpack(codes, scales, shape=shape, dtype=torch.float32)
    step = matrix.abs().amax(1, keepdim=True) / 127
    # A float16 before it, of 11 bits.
    assert ((found - matrix).abs() <= 0.5 * step + matrix.abs() * 2**-10).all()
    assert (found - matrix).abs().max() > 0


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("shape", SHAPES)
def test_without_values_it_has_the_same_shapes(shape: tuple[int, int], scheme: str) -> None:
    real_codes, real = pack(weight(shape), scheme)
    with FakeTensorMode():
        codes, scales = pack(torch.empty(shape), scheme)
        assert unpack(codes, scales, shape=shape, dtype=torch.float32).shape == shape
    assert (codes.shape, codes.dtype) == (real_codes.shape, real_codes.dtype)
    assert {n: (s.shape, s.dtype) for n, s in scales.items()} == {
        n: (s.shape, s.dtype) for n, s in real.items()
    }
    again = unpack(real_codes, real, shape=shape, dtype=torch.float32)
    assert again.abs().max() > 0.01


def test_four_bits_take_about_an_eighth_of_float32() -> None:
    codes, scales = pack(weight((256, 256)), "nf4")
    size = sum(t.numel() * t.element_size() for t in (codes, *scales.values()))
    assert size == 256 * 256 // 2 + 1024 + 4 * 4 + 4
