"""One seed's attempt: a run, or what is left of one that failed.

What goes wrong in training is a result of the method and is kept as one (failed.json); a fault of
the input, the machine or the disk is none, and is raised.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from verilora.atomic import write_whole
from verilora.errors import CheckpointError, TrainingError
from verilora.records.failure import Failure
from verilora.records.recipe import Recipe
from verilora.records.run import Run
from verilora.reproduce.results import FAILED, read_failure
from verilora.train.evaluate import Listen
from verilora.train.run import run


@dataclass(frozen=True)
class Job:
    """One run to make: `name` tells it from the others while it goes."""

    name: str
    recipe: Recipe
    out: Path
    preregistration: str | None = None
    """Digest that the run record will name."""


def attempt(job: Job, *, listen: Listen | None = None) -> Run | Failure:
    """Makes the run, goes on with it, or gives back what is there already.

    Raises OutputError or CheckpointError if the directory holds another run.
    """
    path = job.out / FAILED
    failure = read_failure(path)
    if failure is not None:
        _refuse_other(failure, job, path=path)
        return failure
    begun = (job.out / "recipe.toml").exists()
    try:
        return run(
            job.recipe,
            job.out,
            resume=begun,
            listen=listen,
            preregistration=job.preregistration,
        )
    except TrainingError as error:
        seed = job.recipe.training.seed
        failure = Failure(seed=seed, why=str(error), preregistration=job.preregistration)
        write_whole(path, failure.canonical())
        return failure


def _refuse_other(failure: Failure, job: Job, *, path: Path) -> None:
    mine = (job.recipe.training.seed, job.preregistration)
    if (failure.seed, failure.preregistration) != mine:
        raise CheckpointError(
            f"{path} is of seed {failure.seed} under the preregistration "
            f"{failure.preregistration}; wanted is seed {mine[0]} under {mine[1]}: choose another "
            "directory",
            path=path,
        )
