"""A worker's lines: the job goes in whole, events come out, and the last one says how it ended."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from verilora.records.recipe import Recipe
from verilora.reproduce.attempt import Job
from verilora.reproduce.worker import ENDED, REFUSED, job_line, read_job, work


def test_a_job_comes_back_from_its_line(recipe: Recipe, tmp_path: Path) -> None:
    job = Job("one", recipe, tmp_path, "sha256:" + "a" * 64)
    assert read_job(job_line(job)) == job


@pytest.mark.parametrize(("rate", "failed"), [(1e-2, False), (1e30, True)])
def test_the_last_line_tells_the_end(
    recipe: Recipe, tmp_path: Path, *, rate: float, failed: bool
) -> None:
    training = recipe.training.replace(learning_rate=rate, max_gradient_norm=None, max_steps=3)
    lines: list[str] = []
    work(job_line(Job("one", recipe.replace(training=training), tmp_path / "run")), lines.append)
    told = [json.loads(line) for line in lines]
    assert told[0]["event"] == "started"
    assert told[-1] == {"event": ENDED, "failed": failed}


def test_a_fault_is_told_with_its_kind(recipe: Recipe, tmp_path: Path) -> None:
    lost = recipe.replace(model=recipe.model.replace(id=str(tmp_path / "absent")))
    lines: list[str] = []
    work(job_line(Job("one", lost, tmp_path / "run")), lines.append)
    last = json.loads(lines[-1])
    assert (last["event"], last["error"]) == (REFUSED, "ModelError")
    assert "no such directory" in last["message"]
