"""The neutral form: alphas that give a scale back to the bit."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from verilora.lora.formats.adapter import alpha_for_scale, narrowest


@given(alpha=st.integers(1, 4096), rank=st.integers(1, 512))
def test_a_whole_alpha_comes_back(alpha, rank):
    found = alpha_for_scale(alpha / rank, rank)
    assert found == alpha
    assert isinstance(found, int)


@given(scale=st.floats(1e-6, 1e6), rank=st.integers(1, 512))
def test_any_scale_comes_back_to_its_last_bit_or_the_one_beside_it(scale, rank):
    found = alpha_for_scale(scale, rank) / rank
    assert scale in (found, math.nextafter(found, 0), math.nextafter(found, math.inf))


def test_rslora_scale_as_plain_alpha():
    scale = 16 / math.sqrt(8)
    assert alpha_for_scale(scale, 8) / 8 == scale


def test_narrowest_holds_both():
    assert narrowest(torch.bfloat16) == torch.bfloat16
    assert narrowest(torch.bfloat16, torch.float16) == torch.float32


def test_pairs_tell_rank_shape_and_magnitudes(llama_adapter):
    adapter = llama_adapter("k_proj")
    pair = next(iter(adapter.pairs.values()))
    assert (pair.rank, pair.shape) == (2, (8, 16))
    assert not adapter.has_magnitudes
    dora = adapter.replace(pairs={"x": pair.replace(magnitude=torch.ones(8))})
    assert dora.has_magnitudes
    assert adapter.noting("a", "b").notes == ("a", "b")


@pytest.mark.parametrize("rank", [3, 7, 49])
def test_awkward_ranks(rank):
    assert alpha_for_scale(1 / rank, rank) / rank == 1 / rank
