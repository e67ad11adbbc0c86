from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from verilora.records.recipe import Recipe
from verilora.train import facts
from verilora.train.build import build
from verilora.train.facts import PeakMemory, environment

CPU = torch.device("cpu")
PIECE = 80_000_000
needs_mark = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="this system keeps no such mark"
)


@needs_mark
def test_the_peak_counts_from_when_it_was_made() -> None:
    before = torch.ones(PIECE // 4)
    memory = PeakMemory(CPU)
    passing = torch.ones(PIECE // 4)
    del passing
    found = memory.peak_bytes()
    assert found is not None
    assert 0.8 * PIECE < found < 1.3 * PIECE
    again = PeakMemory(CPU).peak_bytes()
    assert again is not None
    assert again < PIECE / 2
    del before


def test_where_there_is_no_mark_there_is_no_peak(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(facts, "_STATUS", tmp_path / "status")
    assert PeakMemory(CPU).peak_bytes() is None
    monkeypatch.undo()
    monkeypatch.setattr(facts, "_set_mark_back", lambda: False)
    assert PeakMemory(CPU).peak_bytes() is None


def test_the_environment_is_plain_text(make_recipe: Callable[..., Recipe]) -> None:
    found = environment(build(make_recipe(precision="bfloat16")))
    assert found["torch"] == torch.__version__
    assert found["precision"] == "bfloat16"
    assert found["device"] == "cpu"
    assert all(isinstance(value, str) and value for value in found.values())
