"""One rank and one scale, with ΔW as it was."""

from __future__ import annotations

import pytest
import torch

from verilora.lora.formats.fold import is_power_of_two, one_rank, one_scale, rescaled


def test_ranks_are_filled_up(llama_adapter, dense):
    adapter = llama_adapter(fields=lambda path: {"rank": 3 if "q_proj" in path else 1})
    made, rank = one_rank(adapter)
    assert rank == 3
    assert {pair.rank for pair in made.pairs.values()} == {3}
    assert made.notes == ("the rank of 2 modules is filled up to 3 with zeros",)
    for path, pair in adapter.pairs.items():
        assert torch.equal(dense(made.pairs[path]), dense(pair))
    assert one_rank(made) == (made, 3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_ratio_that_is_a_power_of_two_is_exact_in_any_dtype(llama_adapter, dense, dtype):
    scales = {"0.self_attn.q_proj": 8.0}
    adapter = llama_adapter(
        fields=lambda p: {
            "dtype": dtype,
            "scale": next((s for end, s in scales.items() if p.endswith(end)), 2.0),
        }
    )
    made, scale = one_scale(adapter)
    assert scale == 2.0
    assert made.notes == ("the scales of 1 module are folded into B, exactly",)
    for path, pair in adapter.pairs.items():
        assert made.pairs[path].scale == 2.0
        assert made.pairs[path].b.dtype == dtype
        assert torch.equal(dense(made.pairs[path]), dense(pair))


def test_another_ratio_is_rounded_once_in_float32(make_pair, dense):
    pair = make_pair(8, 6, scale=3.0, dtype=torch.bfloat16)
    made = rescaled(pair, 2.0)
    assert made.b.dtype == made.a.dtype == torch.float32
    error = (dense(made) - dense(pair)).norm()
    assert error <= 2**-23 * 3.0 * pair.a.double().norm() * pair.b.double().norm()


def test_an_exponent_that_leaves_the_range_widens(make_pair, dense):
    pair = make_pair(4, 4, scale=2.0**20, dtype=torch.float16)
    made = rescaled(pair, 1.0)
    assert made.b.dtype == torch.float32
    assert torch.equal(dense(made), dense(pair))


def test_powers_of_two():
    assert [x for x in (0.25, 1.0, -2.0, 3.0, 0.3) if is_power_of_two(x)] == [0.25, 1.0, -2.0]


def test_what_is_uniform_is_left_alone(llama_adapter):
    adapter = llama_adapter()
    assert one_scale(adapter) == (adapter, 2.0)
