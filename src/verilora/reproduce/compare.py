"""Two sides run and judged, both measured here, under one preregistration.

    comparison = Comparison("LoRA against all weights, MRPC", ours, reference, seeds=(0, 1, 2))
    compare(comparison, "runs/lora-or-full")

The directory holds preregistration.json, written first and never changed, a run directory for each
seed of each side (lora-seed0, full-seed0, ...), and verdict.json, which follows from those.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from verilora.errors import DataError, OutputError
from verilora.records.protocol import Row
from verilora.records.run import Run
from verilora.records.verdict import Paper, Verdict, VerdictDocument
from verilora.reproduce.attempt import FAILED, Job
from verilora.reproduce.comparison import PAPER, SIDES, Comparison, register
from verilora.reproduce.conclusion import (
    Recomputed,
    artifacts_of,
    faults_of,
    read_result,
    result_in,
)
from verilora.reproduce.directory import Place
from verilora.reproduce.flow import workers_for
from verilora.reproduce.registration import CHANGING, stamp_now
from verilora.reproduce.seeds import Hear, run_jobs
from verilora.train.directory import RunDirectory
from verilora.train.lock import locked
from verilora.verdict.conclude import Stamp, conclude, document_of
from verilora.verdict.work import Work


def compare(
    comparison: Comparison,
    out: Path | str,
    *,
    workers: int | None = None,
    listen: Hear | None = None,
    force: bool = False,
    others: Sequence[Job] = (),
) -> VerdictDocument:
    """Makes the runs of both sides and the verdict on them; what was begun goes on.

    `workers` runs go on at once, by default as many as cores and memory allow. `others` are runs
    made beside them, of which the verdict knows nothing. With `force` what is there is replaced.
    Raises RecipeError for recipes that do not compare, OutputError for a directory that holds
    something else, and what the runs raise.
    """
    place, made = Place(out), register(comparison, stamp=stamp_now())
    if force:
        _clear(place, comparison, others=others)
    with _claimed(place, force=force):
        pre = _keep_or_take_up(place, made.verdict)
        jobs = [*_jobs(comparison, place, pre=pre), *others]
        run_jobs(jobs, workers=workers or workers_for(len(jobs), made.peak_bytes), listen=listen)
        finished = place.verdict()
        if finished is not None:
            return finished
        document = conclude_files(place, pre, stamp=stamp_now(), paper=PAPER)
        place.keep(place.verdict_file, document.canonical())
    return document


def conclude_files(place: Place, pre: Verdict, *, stamp: Stamp, paper: Paper) -> VerdictDocument:
    """The verdict document of what lies in the directory; the same files give the same bytes.

    Raises DataError for a run that is missing.
    """
    sides = [
        [read_result(path, seed) for seed, path in _places(place, pre, side=side)] for side in SIDES
    ]
    runs = [found for side in sides for found in side if isinstance(found, Run)]
    metric = (pre.claim_citation and pre.claim_citation.reported_metric) or "accuracy"
    items = runs[0].data.validation_rows if runs else None
    ours, reference = (tuple(result_in(found, metric) for found in side) for side in sides)
    directories = [path for side in SIDES for _, path in _places(place, pre, side=side)]
    work = Work(
        results=ours,
        evaluated=items,
        full_size=items,
        reference=reference,
        protocol=_as_run(pre, runs),
        artifacts=tuple(artifacts_of(place, directories)),
    )
    return document_of(conclude(pre, work, stamp=stamp), pre, paper=paper)


def recompute_comparison(path: Path | str) -> Recomputed:
    """Everything again, from the predictions to the verdict; nothing is trained or loaded.

    Raises DataError if the directory is not that of a finished comparison.
    """
    place = Place(path)
    pre, before = place.preregistration(), place.verdict()
    verdict = before.verdict if before else None
    if pre is None or before is None or verdict is None:
        raise DataError(
            f"{place.path} holds no finished comparison (preregistration.json and verdict.json "
            "are wanted); the command that began it goes on with it",
            file=place.path,
            line=None,
        )
    stamp = Stamp(verdict.agent_version or "", verdict.computed_at or "")
    document = conclude_files(place, pre, stamp=stamp, paper=before.paper or PAPER)
    identical = document.canonical() == place.verdict_file.read_bytes()
    directories = [path for side in SIDES for _, path in _places(place, pre, side=side)]
    faults = [fault for directory in directories for fault in faults_of(directory)]
    if not identical:
        faults.append("verdict.json differs from what the files of the runs give")
    return Recomputed(document, identical, tuple(faults))


def _jobs(comparison: Comparison, place: Place, *, pre: Verdict) -> Iterator[Job]:
    """Full fine-tuning takes longer, so that it begins first."""
    for seed in comparison.seeds:
        for recipe in (comparison.reference, comparison.ours):
            seeded = recipe.replace(training=recipe.training.replace(seed=seed))
            method = recipe.training.method
            yield Job(
                f"{method}, seed {seed}", seeded, _place(place, method, seed=seed), pre.digest
            )


def _place(place: Place, side: str, *, seed: int) -> Path:
    return place.path / f"{side}-seed{seed}"


def _places(place: Place, pre: Verdict, *, side: str) -> list[tuple[int, Path]]:
    """(seed, run directory) of a side."""
    plan = pre.plan
    if plan is None or plan.reference is None:
        raise DataError(
            f"{place.preregistration_file} plans no comparison: it has no reference to measure",
            file=place.preregistration_file,
            line=None,
        )
    seeds = plan.seeds if side == SIDES[0] else plan.reference.seeds
    return [(seed, _place(place, side, seed=seed)) for seed in seeds]


def _as_run(pre: Verdict, runs: Sequence[Run]) -> tuple[Row, ...]:
    """The rows as they turned out: runs on machines that differ are no longer on one."""
    rows = pre.protocol or ()
    machines = {tuple(sorted(run.environment.items())) for run in runs}
    if len(machines) < 2:
        return rows
    told = f"the runs were made in {len(machines)} environments that differ"
    return tuple(
        row.replace(state="different", ours=told) if row.dimension == "environment" else row
        for row in rows
    )


def _keep_or_take_up(place: Place, made: Verdict) -> Verdict:
    before = place.preregistration()
    if before is None:
        place.keep(place.preregistration_file, made.canonical())
        return made
    first, second = before.to_mapping(), made.to_mapping()
    differing = [key for key in first if key not in CHANGING and first[key] != second.get(key)]
    if differing:
        raise OutputError(
            f"{place.path} holds the preregistration of {before.computed_at}, which differs in "
            f"{', '.join(sorted(differing))}; what was fixed beforehand is not changed "
            "afterwards: choose another directory, or say --force to begin anew",
            path=place.path,
        )
    return before


@contextlib.contextmanager
def _claimed(place: Place, *, force: bool) -> Iterator[None]:
    if not force:
        with place.claimed():
            yield
        return
    place.path.mkdir(parents=True, exist_ok=True)
    with locked(place.path):
        yield


def _clear(place: Place, comparison: Comparison, *, others: Sequence[Job]) -> None:
    """Removes the comparison that is here; nothing else."""
    for name in ("verdict.json", "verdict.png", "report.html", "preregistration.json"):
        (place.path / name).unlink(missing_ok=True)
    found = [path for side in SIDES for path in place.path.glob(f"{side}-seed*")]
    for path in (*found, *(job.out for job in others)):
        directory = RunDirectory(path)
        if directory.recipe.exists() or (path / FAILED).exists():
            directory.clear()
