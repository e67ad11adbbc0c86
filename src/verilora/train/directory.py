"""The run directory: its file names, who may write to it, and what of an old run is in it."""

from __future__ import annotations

import contextlib
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path

from verilora.errors import CheckpointError, OutputError, VeriloraError
from verilora.recipes.check import check_recipe
from verilora.records.recipe import Recipe
from verilora.records.run import Run
from verilora.train.lock import NAME as LOCK
from verilora.train.lock import made_and_locked

FILES = (
    "recipe.toml",
    "events.jsonl",
    "predictions.jsonl",
    "explain.json",
    "weights.safetensors",
    "run.json",
    "failed.json",
    "report.html",
    "curves.png",
    "verdict.json",
    "claim.dsse.json",
)
FOLDERS = ("adapter", "checkpoint", "tensorboard")


class RunDirectory:
    """Paths of one run. Entered with `claimed`, which holds the lock."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.recipe = self.path / "recipe.toml"
        self.events = self.path / "events.jsonl"
        self.predictions = self.path / "predictions.jsonl"
        self.explanation = self.path / "explain.json"
        self.weights = self.path / "weights.safetensors"
        self.run = self.path / "run.json"
        self.adapter = self.path / "adapter"
        self.checkpoints = self.path / "checkpoint"

    @contextlib.contextmanager
    def claimed(self) -> Iterator[None]:
        """Makes the directory and locks it; if it was new and stayed empty, it goes again.

        Raises OutputError if it cannot be made or another run writes to it.
        """
        with made_and_locked(self.path):
            yield

    def refuse_occupied(self) -> None:
        """Raises OutputError if anything is here; says how to go on if it is a run."""
        found = self._found()
        if not found:
            return
        if self.run.exists():
            what = "holds a finished run; choose another directory, or say --force to replace it"
        elif self.recipe.exists():
            what = "holds a run that has not ended; say --resume to go on, or --force to replace it"
        else:
            what = (
                f"is not empty ({', '.join(found[:3])}, ...) and holds no run; nothing is "
                "overwritten unasked: choose another directory"
            )
        raise OutputError(f"{self.path} {what}", path=self.path)

    def refuse_foreign(self) -> None:
        """Raises OutputError if the directory holds something, but no run."""
        if self._found() and not self.recipe.exists():
            self.refuse_occupied()

    def begun_with(self) -> Recipe | None:
        """The recipe of the run that is here. Raises CheckpointError if it cannot be read."""
        if not self.recipe.exists():
            return None
        try:
            return check_recipe(tomllib.loads(self.recipe.read_text("utf-8")), "its recipe")
        except (ValueError, VeriloraError) as error:
            raise CheckpointError(
                f"{self.recipe} is not a recipe: {error}; start anew with --force",
                path=self.recipe,
            ) from error

    def finished(self) -> Run | None:
        """The finished run that is here. Raises CheckpointError if run.json is damaged."""
        if not self.run.exists():
            return None
        try:
            return Run.model_validate_json(self.run.read_bytes())
        except ValueError as error:
            raise CheckpointError(
                f"{self.run} is damaged: {error}; start anew with --force", path=self.run
            ) from error

    def clear(self) -> None:
        """Removes every file of a run, and what a killed one left half written; nothing else."""
        self.sweep()
        # run.json goes first: what is left of a run that is being removed is not a finished one.
        for name in ("run.json", *FILES):
            (self.path / name).unlink(missing_ok=True)
        for name in FOLDERS:
            shutil.rmtree(self.path / name, ignore_errors=True)

    def sweep(self) -> None:
        """Removes temporary files and directories that a killed run left."""
        for name in (*FILES, *FOLDERS):
            for left in self.path.glob(f".{name}.*"):
                if left.is_dir():
                    shutil.rmtree(left, ignore_errors=True)
                else:
                    left.unlink(missing_ok=True)

    def drop_checkpoints(self) -> None:
        """Removes the checkpoints: the run is finished and needs none."""
        shutil.rmtree(self.checkpoints, ignore_errors=True)

    def _found(self) -> list[str]:
        """What is here but the lock and what a killed run left half written."""
        ours = (LOCK, *(f".{name}." for name in (*FILES, *FOLDERS)))
        names = (item.name for item in self.path.iterdir())
        return sorted(name for name in names if not name.startswith(ours))
