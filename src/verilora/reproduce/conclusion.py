"""From the files of a reproduction to its verdict; the same files give the same bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from verilora.errors import DataError
from verilora.records.canonical import digest_file
from verilora.records.protocol import Row
from verilora.records.run import Run
from verilora.records.target import Target
from verilora.records.verdict import Artifact, Paper, Verdict, VerdictDocument
from verilora.reproduce.directory import SIDES, Place
from verilora.reproduce.results import read_result, result_in
from verilora.verdict.conclude import Stamp, conclude, document_of
from verilora.verdict.work import Work

ROLES = {
    "run.json": "record of the run",
    "recipe.toml": "recipe",
    "predictions.jsonl": "predictions",
    "adapter/adapter_model.safetensors": "adapter",
    "adapter/adapter_config.json": "adapter",
    "weights.safetensors": "weights",
    "failed.json": "record of the failure",
}
PAPER = Paper(arxiv_id="2106.09685", title="LoRA: Low-Rank Adaptation of Large Language Models")
"""Of the claim that a comparison of two sides looks at."""


def conclude_files(place: Place, pre: Verdict, *, stamp: Stamp) -> VerdictDocument:
    """The verdict document of what lies in the directory: of a paper's cell, or of two sides.

    Raises DataError for a run that is missing.
    """
    if pre.plan is not None and pre.plan.reference is not None:
        return _conclude_comparison(place, pre, stamp=stamp)
    return _conclude_cell(place, pre, stamp=stamp)


def run_directories(place: Place, pre: Verdict) -> list[tuple[int, Path]]:
    """(seed, directory) of every run that was planned, ours first."""
    plan = pre.plan
    if plan is None:
        return []
    if plan.reference is None:
        return [(seed, place.seed(seed)) for seed in plan.seeds]
    ours, reference = SIDES
    return [
        *((seed, place.side(ours, seed)) for seed in plan.seeds),
        *((seed, place.side(reference, seed)) for seed in plan.reference.seeds),
    ]


def _conclude_cell(place: Place, pre: Verdict, *, stamp: Stamp) -> VerdictDocument:
    target = place.target()
    _refuse_other_target(target, pre, place=place)
    seeds = pre.plan.seeds if pre.plan else ()
    found = [read_result(place.seed(seed), seed) for seed in seeds]
    runs = [run for run in found if isinstance(run, Run)]
    rows = runs[0].data.validation_rows if runs else None
    work = Work(
        results=tuple(
            result_in(run, target.metric, directory=place.seed(seed), unit=target.reported.unit)
            for run, seed in zip(found, seeds, strict=True)
        ),
        evaluated=rows,
        full_size=max(target.reported.items or 0, rows or 0) or None,
        protocol=_as_run(pre, runs),
        artifacts=tuple(artifacts_of(place, [place.seed(seed) for seed in seeds])),
        together=place.together(),
    )
    report = place.anchors()
    verdict = conclude(
        pre,
        work,
        stamp=stamp,
        paper_text=place.paper_text(),
        anchors=report.states() if report else None,
    )
    return document_of(verdict, pre, paper=target.paper)


def _refuse_other_target(target: Target, pre: Verdict, *, place: Place) -> None:
    """Another metric or number than the one that was preregistered would be another question."""
    planned = pre.plan.target_digest if pre.plan else None
    if planned in (None, target.digest):
        return
    raise DataError(
        f"{place.target_file} is not the target that {place.preregistration_file.name} was made "
        "for; what was fixed beforehand is not changed afterwards: put it back, or begin anew in "
        "another directory",
        file=place.target_file,
        line=None,
    )


def _conclude_comparison(place: Place, pre: Verdict, *, stamp: Stamp) -> VerdictDocument:
    directories = run_directories(place, pre)
    found = [read_result(path, seed) for seed, path in directories]
    runs = [run for run in found if isinstance(run, Run)]
    metric = (pre.claim_citation and pre.claim_citation.reported_metric) or "accuracy"
    items = runs[0].data.validation_rows if runs else None
    results = tuple(
        result_in(run, metric, directory=path)
        for run, (_, path) in zip(found, directories, strict=True)
    )
    ours = len(pre.plan.seeds) if pre.plan else 0
    work = Work(
        results=results[:ours],
        evaluated=items,
        full_size=items,
        reference=results[ours:],
        protocol=_as_run(pre, runs),
        artifacts=tuple(artifacts_of(place, [path for _, path in directories])),
    )
    return document_of(conclude(pre, work, stamp=stamp), pre, paper=PAPER)


def _as_run(pre: Verdict, runs: Sequence[Run]) -> tuple[Row, ...]:
    """The rows as they turned out: runs on machines that differ are no longer on one."""
    rows = pre.protocol or ()
    machines = {tuple(sorted(run.environment.items())) for run in runs}
    if len(machines) < 2:
        return rows
    told = f"the runs were made in {len(machines)} environments that differ"
    return tuple(
        row.replace(state="different", ours=told, filled=None)
        if row.dimension == "environment" and row.state != "unknown"
        else row
        for row in rows
    )


def artifacts_of(place: Place, directories: Sequence[Path]) -> Iterator[Artifact]:
    """The files of the runs that the verdict rests on, and of what was looked at beside them."""
    for directory in directories:
        for name, role in ROLES.items():
            if (directory / name).is_file():
                yield _artifact(directory / name, role, place=place)
    for file, role in (
        (place.paper_file, "text of the paper"),
        (place.anchors_file, "anchors"),
        (place.together_file, "preregistrations"),
    ):
        if file.is_file():
            yield _artifact(file, role, place=place)


def _artifact(path: Path, role: str, *, place: Place) -> Artifact:
    name = path.relative_to(place.path).as_posix()
    return Artifact(name=name, sha256=digest_file(path), size=path.stat().st_size, role=role)
