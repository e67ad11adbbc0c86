"""Several runs at once give what they give one by one; what breaks is said, and the rest stops."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from verilora.errors import ModelError, TrainingError
from verilora.records.events import Checkpointed, Event, Started
from verilora.records.failure import Failure
from verilora.records.recipe import Recipe
from verilora.records.run import Run
from verilora.reproduce.attempt import Job
from verilora.reproduce.seeds import run_jobs

PLAN = "sha256:" + "a" * 64


def jobs(recipe: Recipe, out: Path, *seeds: int, **training: object) -> list[Job]:
    return [
        Job(
            f"seed {seed}",
            recipe.replace(training=recipe.training.replace(seed=seed, **training)),
            out / f"seed-{seed}",
            PLAN,
        )
        for seed in seeds
    ]


def test_side_by_side_is_as_one_by_one(recipe: Recipe, tmp_path: Path) -> None:
    # Each process costs seconds: the seed that fails is made beside the one that does not.
    heard: list[tuple[str, Event]] = []
    wild = jobs(recipe, tmp_path / "both", 1, learning_rate=1e30, max_gradient_norm=None)
    both = run_jobs(
        [*jobs(recipe, tmp_path / "both", 0), *wild],
        workers=2,
        listen=lambda name, event: heard.append((name, event)),
    )
    assert list(both) == ["seed 0", "seed 1"]
    alone = run_jobs(jobs(recipe, tmp_path / "alone", 0))["seed 0"]
    other, failed = both["seed 0"], both["seed 1"]
    assert isinstance(alone, Run)
    assert isinstance(other, Run)
    assert other.digests == alone.digests
    assert other.metrics == alone.metrics
    assert isinstance(failed, Failure)
    started = {name for name, event in heard if isinstance(event, Started)}
    assert started == {"seed 0", "seed 1"}


def test_an_error_keeps_its_kind_and_words(recipe: Recipe, tmp_path: Path) -> None:
    lost = recipe.replace(model=recipe.model.replace(id=str(tmp_path / "absent")))
    with pytest.raises(ModelError, match="no such directory"):
        run_jobs(jobs(lost, tmp_path, 0, 1), workers=2)


def test_a_killed_process_is_told_and_goes_on(recipe: Recipe, tmp_path: Path) -> None:
    mine = jobs(recipe, tmp_path, 0, 1, epochs=40)

    def kill(_: str, event: Event) -> None:
        if isinstance(event, Checkpointed):
            for process in _children():
                os.kill(process, signal.SIGKILL)

    with pytest.raises(TrainingError, match="the same command goes on"):
        run_jobs(mine, workers=2, listen=kill)
    begun = [job for job in mine if (job.out / "checkpoint").exists()]
    found = run_jobs(begun, workers=1)
    assert begun
    assert all(isinstance(run, Run) and run.resumed == 1 for run in found.values())


def _children() -> list[int]:
    """Worker processes that this one has started."""
    text = Path(f"/proc/{os.getpid()}/task").iterdir()
    return [int(pid) for task in text for pid in (task / "children").read_text().split()]


def test_no_workers_are_refused(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="1 or more"):
        run_jobs(jobs(recipe, tmp_path, 0), workers=0)
