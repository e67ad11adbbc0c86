"""One run from a recipe to a directory that anyone can check.

    from verilora.recipes import catalog
    from verilora.train.run import run
    run(catalog.load("mrpc-minilm"), "runs/mrpc")

Here the order of things is kept: nothing of an old run is touched before the new one is ready to
train, and run.json is written when all that it vouches for is on the disk.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from verilora.atomic import write_whole
from verilora.errors import OutputError, VeriloraError
from verilora.recipes import catalog
from verilora.records.events import Event, Noted
from verilora.records.patterns import DIGEST
from verilora.records.recipe import Recipe
from verilora.records.run import Memory, Run
from verilora.train.build import build
from verilora.train.checkpoint import read_latest, write_checkpoint
from verilora.train.device import pick_device
from verilora.train.directory import RunDirectory
from verilora.train.evaluate import Listen, complete, evaluate
from verilora.train.facts import PeakMemory
from verilora.train.journal import open_journal
from verilora.train.loop import hand_over, train
from verilora.train.material import Material, gather
from verilora.train.outcome import record_of, save_outcome
from verilora.train.plan import Plan, megabytes, plan_for
from verilora.train.proof import prove
from verilora.train.rehearsal import rehearse
from verilora.train.resume import (
    capture,
    refuse_other_recipe,
    refuse_other_registration,
    restore,
)
from verilora.train.session import Session, open_session

PLAN_TOLERANCE = 0.25
NOT_TOLD_BYTES = 64_000_000
"""A smaller difference is that of the interpreter and its libraries, not of the run."""


@dataclass
class Attempt:
    """One process's share of a run: what it works with, and where it begins."""

    session: Session
    memory: PeakMemory
    planned_bytes: int | None
    began: float
    seconds_before: float = 0.0
    """Used by the processes before it."""
    events_kept: int = 0
    """Bytes of events.jsonl that stay."""

    @property
    def seconds(self) -> float:
        """Wall seconds of the run so far."""
        return self.seconds_before + time.perf_counter() - self.began


def run(
    recipe: Recipe,
    out: Path | str,
    *,
    resume: bool = False,
    force: bool = False,
    listen: Listen | None = None,
    preregistration: str | None = None,
) -> Run:
    """Trains the recipe and leaves its run directory at `out`; `listen` hears every event.

    With `resume` a run that was stopped, at whatever moment, goes on from its last checkpoint to
    the bytes of a run never stopped; a finished one is given back as it is. With `force` an old
    run is replaced, but not before the new one is ready to train. `preregistration`, the
    digest of the plan that the run is made under, stays with it from beginning to end.
    Another device than the first GPU or the CPU: `with on_device(name)` (train/device.py).
    Raises OutputError (occupied, locked, cannot be written), CheckpointError, and what `build`
    and `train` raise.
    """
    if resume and force:
        raise OutputError("resume goes on with a run and force replaces it: say one of them")
    if preregistration is not None and not re.fullmatch(DIGEST, preregistration):
        raise ValueError(f"preregistration is {preregistration!r}; sha256:<64 hex> is wanted")
    directory = RunDirectory(Path(out))
    with directory.claimed():
        finished = _settle(directory, recipe, resume=resume, force=force)
        if finished is not None:
            refuse_other_registration(finished.preregistration, preregistration)
            directory.drop_checkpoints()
            return finished
        with thread_count(recipe.training.threads):
            attempt = _begin(recipe, directory, resume=resume, preregistration=preregistration)
            done = _train(attempt, directory, listen=listen)
        directory.drop_checkpoints()
        return done


@contextlib.contextmanager
def thread_count(threads: int | None) -> Iterator[None]:
    """torch's number of CPU threads while inside."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _settle(directory: RunDirectory, recipe: Recipe, *, resume: bool, force: bool) -> Run | None:
    """The run if it is finished already; raises what forbids the directory."""
    if not resume and not force:
        directory.refuse_occupied()
    directory.refuse_foreign()
    if not resume:
        return None
    before = directory.begun_with()
    if before is not None:
        refuse_other_recipe(before.to_mapping(), recipe)
    return directory.finished()


def _train(attempt: Attempt, directory: RunDirectory, *, listen: Listen | None) -> Run:
    session = attempt.session
    with open_journal(directory.events, keep=attempt.events_kept) as journal:

        def tell(event: Event) -> None:
            journal.write(event)
            if listen is not None:
                listen(event)

        def save(session: Session) -> None:
            state = capture(session, events=journal.mark(), seconds=attempt.seconds)
            write_checkpoint(directory.checkpoints, state)

        for event in train(session, save=save):
            tell(event)
        hand_over(session)
        evaluation = session.last or evaluate(session.build, listen=tell)
        evaluation = complete(session.build, evaluation, listen=tell)
        used = Memory(peak_bytes=attempt.memory.peak_bytes(), planned_bytes=attempt.planned_bytes)
        for text in _off_plan(used):
            tell(Noted(text))
    save_outcome(session, evaluation, directory=directory)
    done = record_of(
        session, evaluation, directory=directory, memory=used, total_seconds=attempt.seconds
    )
    write_whole(directory.run, done.model_dump_json(indent=1).encode() + b"\n")
    return done


def _begin(
    recipe: Recipe, directory: RunDirectory, *, resume: bool, preregistration: str | None
) -> Attempt:
    """All that may fail for a fault of the input, before anything in the directory is touched."""
    began = time.perf_counter()
    material = gather(recipe)
    planned = _planned(material)
    memory = PeakMemory(pick_device())
    made = build(recipe, material=material)
    prove(made)
    session = open_session(made)
    session.preregistration = preregistration
    attempt = Attempt(session, memory, planned and planned.memory.peak, began)
    if planned is not None:
        rehearse(session, planned.largest_indices)
    if resume:
        _take_up(attempt, directory)
    if session.step == 0:
        directory.clear()
        write_whole(directory.recipe, catalog.to_toml(recipe))
    directory.sweep()
    return attempt


def _take_up(attempt: Attempt, directory: RunDirectory) -> None:
    """Puts the session where the last whole checkpoint was taken."""
    session = attempt.session
    checkpoint, notes = read_latest(directory.checkpoints)
    if checkpoint is None:
        notes = ["there is no checkpoint to go on from: the run starts at its first step"]
        session.notes = notes + session.notes
        return
    restore(session, checkpoint)
    session.notes = notes + session.notes
    attempt.events_kept = checkpoint.state["events"]
    attempt.seconds_before = checkpoint.state["seconds"]


def _planned(material: Material) -> Plan | None:
    """The run's plan; a base that cannot be traced without contents has none."""
    try:
        return plan_for(material)
    except VeriloraError:
        raise
    except Exception:
        return None


def _off_plan(memory: Memory) -> list[str]:
    peak, planned = memory.peak_bytes, memory.planned_bytes
    if peak is None or planned is None or abs(peak - planned) <= NOT_TOLD_BYTES:
        return []
    share = peak / planned - 1
    if abs(share) <= PLAN_TOLERANCE:
        return []
    return [
        f"the run took {megabytes(peak)} at its peak, {share:+.0%} against the plan's "
        f"{megabytes(planned)}"
    ]
