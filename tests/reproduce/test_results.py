"""What lies in a run's directory: a run, a failure, or a sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from verilora.errors import CheckpointError, DataError
from verilora.records.failure import Failure
from verilora.records.run import Run
from verilora.reproduce.results import FAILED, read_failure, read_result, result_in


def test_a_run_is_read_for_the_metric_that_is_wanted(write_run: Callable[..., Path]) -> None:
    directory = write_run(seed=3)
    found = read_result(directory, 3)
    assert isinstance(found, Run)
    result = result_in(found, "f1", directory=directory)
    assert (result.seed, result.value) == (3, found.metrics["f1"].value)
    assert result.run == found.digest


def test_a_failure_is_a_result_without_a_value(tmp_path: Path) -> None:
    failure = Failure(seed=2, why="the loss is nan")
    (tmp_path / FAILED).write_bytes(failure.canonical())
    assert read_result(tmp_path, 2) == failure
    result = result_in(failure, "accuracy", directory=tmp_path)
    assert (result.value, result.failed, result.run) == (None, "the loss is nan", failure.digest)


def test_another_seed_and_nothing_at_all_are_said(
    write_run: Callable[..., Path], tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="holds seed 3; seed 0 belongs there"):
        read_result(write_run(seed=3), 0)
    with pytest.raises(DataError, match="goes on with it"):
        read_result(tmp_path / "absent", 0)


def test_a_damaged_failure_is_said(tmp_path: Path) -> None:
    (tmp_path / FAILED).write_bytes(b"{")
    with pytest.raises(CheckpointError, match="damaged"):
        read_failure(tmp_path / FAILED)
