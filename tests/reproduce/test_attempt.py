"""An attempt leaves a run or a failure, and gives back what is there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from verilora.errors import CheckpointError, DataError
from verilora.records.failure import Failure
from verilora.records.recipe import Recipe
from verilora.records.run import Run
from verilora.reproduce.attempt import Job, attempt
from verilora.reproduce.results import FAILED

PLAN = "sha256:" + "a" * 64


def job(recipe: Recipe, out: Path, **training: object) -> Job:
    changed = recipe.training.replace(**training)
    return Job("one", recipe.replace(training=changed), out, PLAN)


def test_a_finished_run_names_the_plan_and_is_given_back(recipe: Recipe, tmp_path: Path) -> None:
    first = attempt(job(recipe, tmp_path / "run"))
    assert isinstance(first, Run)
    assert first.preregistration == PLAN
    before = (tmp_path / "run/run.json").stat().st_mtime_ns
    assert attempt(job(recipe, tmp_path / "run")) == first
    assert (tmp_path / "run/run.json").stat().st_mtime_ns == before


def test_a_run_that_diverges_is_a_result(recipe: Recipe, tmp_path: Path) -> None:
    wild = job(recipe, tmp_path / "run", learning_rate=1e30, max_gradient_norm=None, seed=4)
    failure = attempt(wild)
    assert isinstance(failure, Failure)
    assert (failure.seed, failure.preregistration) == (4, PLAN)
    assert "is nan" in failure.why
    assert json.loads((tmp_path / "run" / FAILED).read_bytes())["seed"] == 4
    assert attempt(wild) == failure


def test_a_failure_of_another_plan_is_refused(recipe: Recipe, tmp_path: Path) -> None:
    other = Failure(seed=0, why="x", preregistration="sha256:" + "b" * 64)
    (tmp_path / FAILED).write_bytes(other.canonical())
    with pytest.raises(CheckpointError, match="choose another directory"):
        attempt(job(recipe, tmp_path))


def test_a_fault_of_the_input_is_no_result(recipe: Recipe, tmp_path: Path) -> None:
    lost = recipe.replace(task=recipe.task.replace(data=str(tmp_path / "absent")))
    with pytest.raises(DataError):
        attempt(Job("one", lost, tmp_path / "run", PLAN))
    assert not (tmp_path / "run" / FAILED).exists()
