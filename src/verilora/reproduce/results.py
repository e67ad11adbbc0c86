"""What a run's directory holds: a finished run, or a failure; read, never made."""

from __future__ import annotations

from pathlib import Path

from verilora.errors import CheckpointError, DataError
from verilora.records.failure import Failure
from verilora.records.measurement import Inputs, Unit
from verilora.records.run import Run
from verilora.train.directory import RunDirectory
from verilora.verdict.conclude import result_of
from verilora.verdict.work import Result

FAILED = "failed.json"


def read_failure(path: Path) -> Failure | None:
    """The failure in a file; None if there is no such file. Raises CheckpointError if damaged."""
    try:
        return Failure.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise CheckpointError(
            f"{path} is damaged: {error}; remove its directory and run the seed again", path=path
        ) from error


def read_result(directory: Path, seed: int) -> Run | Failure:
    """What the run directory of a seed holds. Raises DataError if it holds neither."""
    found = read_failure(directory / FAILED) or RunDirectory(directory).finished()
    if found is None:
        raise DataError(
            f"{directory} holds no finished run of seed {seed}; the same `verilora reproduce` "
            "command goes on with it",
            file=directory,
            line=None,
        )
    if found.seed != seed:
        raise DataError(
            f"{directory} holds seed {found.seed}; seed {seed} belongs there",
            file=directory,
            line=None,
        )
    return found


def result_in(
    found: Run | Failure, metric: str, *, directory: Path, unit: Unit = "percent"
) -> Result:
    """A run or a failure, and the recipe beside it, as what the verdict weighs."""
    recipe = RunDirectory(directory).begun_with()
    if isinstance(found, Failure):
        return Result(
            found.seed,
            None,
            run=found.digest,
            failed=found.why,
            inputs=None if recipe is None else Inputs(recipe=recipe.plan_digest),
            preregistration=found.preregistration,
        )
    return result_of(found, metric, recipe=recipe, unit=unit)
