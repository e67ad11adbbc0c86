"""Convolutions of every setting: merged and unmerged answer alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from torch import nn

from verilora.lora import attach, merge, unmerge
from verilora.records.adapter import LoraConfig

KINDS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
WITHIN = {torch.float64: 1e-12, torch.float32: 2e-5}


@st.composite
def convolutions(draw: Callable[..., Any]) -> tuple[nn.Module, tuple[int, ...]]:
    dimensions = draw(st.sampled_from([1, 2, 3]))
    groups = draw(st.sampled_from([1, 1, 2, 4]))
    inner, outer = 4, draw(st.sampled_from([4, 8]))
    kernel = [draw(st.integers(1, 3)) for _ in range(dimensions)]
    same = draw(st.booleans())
    # Padding that goes round or mirrors cannot be wider than the picture.
    mode = draw(st.sampled_from(["zeros", "reflect", "replicate", "circular"]))
    module = KINDS[dimensions](
        inner,
        outer,
        kernel,
        stride=1 if same else draw(st.integers(1, 2)),
        padding="same" if same else draw(st.integers(0, 2)),
        dilation=draw(st.integers(1, 2)),
        groups=groups,
        bias=draw(st.booleans()),
        padding_mode=mode,
    )
    batch = (2,) if draw(st.booleans()) else ()
    return module, (*batch, inner, *[6] * dimensions)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")  # torch's own
@given(convolutions(), st.integers(1, 2), st.sampled_from(list(WITHIN)))
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_merged_is_unmerged(
    made: tuple[nn.Module, tuple[int, ...]], rank: int, dtype: torch.dtype
) -> None:
    module, x = made[0].to(dtype), torch.randn(made[1], dtype=dtype)
    assume(rank <= module.weight[0].numel())
    base = module.weight.detach().clone()
    model = attach(nn.Sequential(module), LoraConfig(rank=rank, target_modules=["0"])).eval()
    for update in model[0].lora.updates():
        update.B.data = torch.randn(update.B.shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        unmerged = model(x)
        report = merge(model, x)
        merged = model(x)
    assert report.probe_difference is not None and report.probe_difference <= 1e-4
    scale = merged.abs().max()
    assert (merged - unmerged).abs().max() <= WITHIN[dtype] * scale
    unmerge(model)
    assert torch.equal(module.weight, base)


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_depthwise(dimensions: int, train: Callable[..., nn.Module]) -> None:
    module = KINDS[dimensions](6, 12, 3, groups=6, padding=2, dilation=2, padding_mode="circular")
    model = attach(nn.Sequential(module), LoraConfig(rank=3, target_modules=["0"]))
    train(model)
    x = torch.randn(2, 6, *[5] * dimensions)
    unmerged = model(x).detach()
    merge(model)
    torch.testing.assert_close(model.eval()(x), unmerged, rtol=1e-4, atol=1e-5)


def test_channels_last_stays_so(train: Callable[..., nn.Module]) -> None:
    module = nn.Conv2d(4, 6, 3).to(memory_format=torch.channels_last)
    strides = module.weight.stride()
    model = train(attach(nn.Sequential(module), LoraConfig(rank=2, target_modules=["0"]))).eval()
    x = torch.randn(2, 4, 5, 5).to(memory_format=torch.channels_last)
    unmerged = model(x).detach()
    merge(model, x)
    assert module.weight.stride() == strides
    torch.testing.assert_close(model(x), unmerged, rtol=1e-4, atol=1e-5)
    assert unmerge(model)[0].weight.stride() == strides
