"""A pace is measured on real steps, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from verilora.records.recipe import Recipe
from verilora.train import pace
from verilora.train.pace import measure_pace


def test_the_pace_is_the_median_after_the_first_step(
    make_recipe: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter([0.0, 100.0, 200.0, 201.0, 300.0, 302.0, 400.0, 401.0])  # 100, 1, 2 and 1 seconds
    monkeypatch.setattr(pace.time, "perf_counter", lambda: next(ticks))
    recipe = make_recipe(batch_size=4, max_length=16)
    seen: list[int] = []
    real = pace.take_step

    def noted(session, indices):
        facts = real(session, indices)
        seen.append(facts.padded_tokens)
        return facts

    monkeypatch.setattr(pace, "take_step", noted)
    found = measure_pace(recipe, steps=3)
    assert found == sorted([seen[1] / 1, seen[2] / 2, seen[3] / 1])[1]


def test_nothing_is_written_and_the_threads_stay(
    make_recipe: Callable[..., Recipe], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = torch.get_num_threads()
    assert measure_pace(make_recipe(max_steps=1), steps=3) > 0
    assert torch.get_num_threads() == before
    assert list(tmp_path.iterdir()) == []
