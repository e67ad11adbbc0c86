"""NF4 against the published code book, bitsandbytes' own bits, and its definition by quantiles."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import norm
from torch import Tensor

from verilora.kernels.nf4 import BLOCK, CODE_BOOK, Scales, dequantise, dynamic_map, quantise

# Of `wave()`, by bitsandbytes 0.50.2 on a CPU: functional.quantize_4bit(wave(), quant_type="nf4"),
# and the magnitudes' codes with compress_statistics=True.
CODES = (
    "7778776667899865457abb853347bcc952238ced941138deea31028efea30029cdc942248cdc9421"
    "38ded931139ded931139eee931139efe92003aefe92002aeed82113aefd82013aefe82003aefe810"
)
MAGNITUDES = [1.1695795059204102, 2.3772826194763184, 3.0987462997436523]
SCALE_CODES = "00c2f3"


def wave() -> Tensor:
    return torch.sin(torch.arange(160) * 0.7) * torch.arange(160) / 50


def test_the_code_book_is_made_of_the_normal_distributions_quantiles() -> None:
    # QLoRA, eq. 4 and the code of its authors: 8 quantiles above zero, 7 below, and zero itself.
    tail = 0.9677083
    above = norm.ppf(torch.linspace(tail, 0.5, 9)[:-1])
    below = -norm.ppf(torch.linspace(tail, 0.5, 8)[:-1])
    values = sorted([0.0, *above, *below])
    torch.testing.assert_close(
        torch.tensor(CODE_BOOK), torch.tensor(values).float() / max(values), atol=1e-6, rtol=0
    )


def test_gives_the_bytes_of_bitsandbytes() -> None:
    made = quantise(wave())
    assert bytes(made.codes.tolist()).hex() == CODES
    assert isinstance(made.magnitudes, Tensor)
    assert made.magnitudes.tolist() == MAGNITUDES
    scales = quantise(wave(), double=True).magnitudes
    assert isinstance(scales, Scales)
    assert bytes(scales.codes.tolist()).hex() == SCALE_CODES


@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("shape", [(64, 64), (3, 5), (17, 129)])
def test_equals_bitsandbytes_where_it_is_installed(
    shape: tuple[int, ...], dtype: torch.dtype, double: bool
) -> None:
    functional = pytest.importorskip("bitsandbytes.functional")
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(dtype)
    codes, state = functional.quantize_4bit(weight, quant_type="nf4", compress_statistics=double)
    made = quantise(weight, double=double)
    assert torch.equal(made.codes, codes.flatten())
    assert torch.equal(dequantise(made), functional.dequantize_4bit(codes, state))


def test_takes_the_nearest_of_the_sixteen_values() -> None:
    weight = torch.randn(4 * BLOCK, generator=torch.Generator().manual_seed(1))
    greatest = weight.view(-1, BLOCK).abs().amax(1, keepdim=True)
    distances = weight.view(-1, BLOCK, 1) - greatest[..., None] * torch.tensor(CODE_BOOK)
    found = dequantise(quantise(weight)).view(-1, BLOCK) - weight.view(-1, BLOCK)
    torch.testing.assert_close(found.abs(), distances.abs().amin(-1), atol=1e-7, rtol=0)


def test_what_was_dequantised_has_the_same_codes_again() -> None:
    weight = torch.randn(33, 70, generator=torch.Generator().manual_seed(2)) * 0.02
    first = quantise(weight)
    again = quantise(dequantise(first))
    assert torch.equal(first.codes, again.codes)
    assert torch.equal(dequantise(first), dequantise(again))


def test_double_quantisation_costs_less_than_one_in_a_hundred_of_a_magnitude() -> None:
    weight = torch.randn(300, 256, generator=torch.Generator().manual_seed(3))
    plain, double = (dequantise(quantise(weight, double=d)) for d in (False, True))
    assert (plain - double).norm() < 0.01 * plain.norm()
    assert not torch.equal(plain, double)


def test_zeros_stay_zeros_and_shape_and_dtype_come_back() -> None:
    made = quantise(torch.zeros(5, 13, dtype=torch.bfloat16))
    assert torch.equal(dequantise(made), torch.zeros(5, 13, dtype=torch.bfloat16))
    assert dequantise(made, torch.float32).dtype == torch.float32
    assert made.codes.numel() == 33


def test_the_dynamic_map_has_256_values_in_order() -> None:
    values = dynamic_map()
    assert values.numel() == 256
    assert bool((values[1:] > values[:-1]).all())
    # As printed by bitsandbytes' create_dynamic_map.
    assert values[-1] == 1.0
    assert values[0] == pytest.approx(-0.99296875)
    assert values[127] == 0.0
    assert values[128] == pytest.approx(5.5e-7)
