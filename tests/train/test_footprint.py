from __future__ import annotations

import torch
from torch import nn
from torch._subclasses import FakeTensorMode

from verilora.train.footprint import Footprint


def test_a_storage_counts_once_and_until_it_is_freed() -> None:
    with Footprint() as footprint:
        a = torch.zeros(100)
        view = a[10:]
        assert footprint.live_bytes == 400
        b = torch.ones(50) + 1  # the ones are freed at once
        assert (footprint.live_bytes, footprint.peak_bytes) == (600, 800)
        del a
        assert footprint.live_bytes == 600
        del view
        assert footprint.live_bytes == 200
        footprint.reset_peak()
        assert footprint.peak_bytes == 200
        del b
    assert footprint.live_bytes == 0


def test_what_was_made_before_can_be_followed() -> None:
    weight = torch.zeros(8)
    footprint = Footprint()
    footprint.follow(weight)
    footprint.follow(weight[2:])
    assert footprint.live_bytes == 32
    del weight
    assert footprint.live_bytes == 0


def test_tensors_without_contents_have_the_same_bytes() -> None:
    def step() -> list[int]:
        with Footprint() as footprint:
            model = nn.Sequential(nn.Linear(30, 20), nn.GELU(), nn.Linear(20, 2))
            seen = [footprint.live_bytes]
            model(torch.ones(7, 30)).sum().backward()
            return [*seen, footprint.live_bytes, footprint.peak_bytes]

    real = step()
    with FakeTensorMode():
        assert step() == real
    assert real[0] == 4 * (30 * 20 + 20 + 20 * 2 + 2)
    assert real[1] == 2 * real[0] < real[2]
