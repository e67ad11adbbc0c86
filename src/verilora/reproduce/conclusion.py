"""From the files of a reproduction to its verdict; the same files give the same bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from verilora.data.metrics import measure
from verilora.data.tasks import Task, find_task
from verilora.errors import DataError
from verilora.records.canonical import digest_bytes, digest_file
from verilora.records.failure import Failure
from verilora.records.recipe import Recipe
from verilora.records.run import Run
from verilora.records.verdict import Artifact, Verdict, VerdictDocument
from verilora.reproduce.attempt import FAILED, read_failure
from verilora.reproduce.directory import Place
from verilora.train.directory import RunDirectory
from verilora.verdict.conclude import Stamp, conclude, document_of, result_of
from verilora.verdict.work import Result, Work

ROLES = {
    "run.json": "record of the run",
    "recipe.toml": "recipe",
    "predictions.jsonl": "predictions",
    "adapter/adapter_model.safetensors": "adapter",
    "adapter/adapter_config.json": "adapter",
    "weights.safetensors": "weights",
    "failed.json": "record of the failure",
}
CLOSE = 1e-9
"""Percent points; what a metric may miss when it is computed again in the same order."""


@dataclass(frozen=True)
class Recomputed:
    """A reproduction computed again from its files alone."""

    document: VerdictDocument
    """What the files give."""
    identical: bool
    """The bytes of verdict.json are those."""
    faults: tuple[str, ...]
    """What does not fit together, a sentence each; none if all is well."""


def conclude_files(place: Place, pre: Verdict, *, stamp: Stamp) -> VerdictDocument:
    """The verdict document of what lies in the directory. Raises DataError for what is missing."""
    target = place.target()
    seeds = pre.plan.seeds if pre.plan else ()
    found = [read_result(place.seed(seed), seed) for seed in seeds]
    runs = [run for run in found if isinstance(run, Run)]
    rows = runs[0].data.validation_rows if runs else None
    work = Work(
        results=tuple(result_in(run, target.metric) for run in found),
        evaluated=rows,
        full_size=max(target.reported.items or 0, rows or 0) or None,
        artifacts=tuple(artifacts_of(place, [place.seed(seed) for seed in seeds])),
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


def recompute(path: Path | str) -> Recomputed:
    """Everything again, from the predictions to the verdict; nothing is trained or loaded.

    Each metric is measured from predictions.jsonl, each digest taken anew, and the verdict made
    from the records and compared with verdict.json, byte for byte.
    Raises DataError if the directory is not that of a finished reproduction.
    """
    place = Place(path)
    pre, before = place.preregistration(), place.verdict()
    if pre is None or before is None or before.verdict is None:
        raise DataError(
            f"{place.path} holds no finished reproduction (preregistration.json and verdict.json "
            "are wanted); verilora reproduce TARGET --out DIR makes one, and goes on with it",
            file=place.path,
            line=None,
        )
    stamp = Stamp(before.verdict.agent_version or "", before.verdict.computed_at or "")
    document = conclude_files(place, pre, stamp=stamp)
    identical = document.canonical() == place.verdict_file.read_bytes()
    seeds = pre.plan.seeds if pre.plan else ()
    faults = [fault for seed in seeds for fault in faults_of(place.seed(seed))]
    if not identical:
        faults.append(_differing(before, document))
    return Recomputed(document, identical, tuple(faults))


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


def result_in(found: Run | Failure, metric: str) -> Result:
    """A run or a failure as what the verdict weighs."""
    if isinstance(found, Failure):
        return Result(
            found.seed,
            None,
            run=found.digest,
            failed=found.why,
            preregistration=found.preregistration,
        )
    return result_of(found, metric)


def artifacts_of(place: Place, directories: Sequence[Path]) -> Iterator[Artifact]:
    """The files of the runs that the verdict rests on, and of what was looked at beside them."""
    for directory in directories:
        for name, role in ROLES.items():
            if (directory / name).is_file():
                yield _artifact(directory / name, role, place=place)
    for file, role in (
        (place.paper_file, "text of the paper"),
        (place.anchors_file, "anchors"),
    ):
        if file.is_file():
            yield _artifact(file, role, place=place)


def _artifact(path: Path, role: str, *, place: Place) -> Artifact:
    name = path.relative_to(place.path).as_posix()
    return Artifact(name=name, sha256=digest_file(path), size=path.stat().st_size, role=role)


def faults_of(directory: Path) -> list[str]:
    """What in a run directory does not fit its record: digests, and metrics measured again."""
    place = RunDirectory(directory)
    run, recipe = place.finished(), place.begun_with()
    if run is None or recipe is None:
        return []  # a failed seed has a reason, and nothing to measure
    faults = []
    if recipe.digest != run.digests.recipe:
        faults.append("recipe.toml is not the recipe that run.json names")
    adapter = place.adapter / "adapter_model.safetensors"
    if run.digests.adapter and (
        not adapter.is_file() or digest_file(adapter) != run.digests.adapter
    ):
        faults.append("adapter_model.safetensors is not the adapter that run.json names")
    faults += _prediction_faults(place.predictions, recipe, run=run)
    return [f"{directory.name}: {fault}" for fault in faults]


def _prediction_faults(path: Path, recipe: Recipe, *, run: Run) -> list[str]:
    try:
        content = path.read_bytes()
        metrics = measure_again(content, find_task(recipe.task))
    except (OSError, ValueError, KeyError, TypeError) as error:
        return [f"predictions.jsonl cannot be read: {error}"]
    faults = []
    if digest_bytes(content) != run.digests.predictions:
        faults.append("predictions.jsonl is not the file that run.json names")
    for name, value in metrics.items():
        stated = run.metrics[name].value
        if abs(stated - value) > CLOSE:
            faults.append(f"run.json says {name} {stated:g}, the predictions give {value:g}")
    return faults


def measure_again(content: bytes, task: Task) -> dict[str, float]:
    """The task's metrics, in percent, from the bytes of predictions.jsonl."""
    rows = [json.loads(line) for line in content.splitlines()]
    number = {name: index for index, name in enumerate(task.labels)}
    labels = [number[row["label"]] if number else row["label"] for row in rows]
    given = [number[row["prediction"]] if number else row["prediction"] for row in rows]
    return measure(task.metrics, given, labels=labels)


def _differing(before: VerdictDocument, document: VerdictDocument) -> str:
    first = before.verdict.to_mapping() if before.verdict else {}
    second = document.verdict.to_mapping() if document.verdict else {}
    keys = sorted(key for key in {*first, *second} if first.get(key) != second.get(key))
    where = f"differs in {', '.join(keys)}" if keys else "has other bytes"
    return f"verdict.json {where} from what the files of the runs give"
