"""A reproduction computed again from its files alone; needs neither torch nor a model."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from verilora.data.metrics import Tally, measure, measure_language
from verilora.data.tasks import CAUSAL, Task, find_task
from verilora.data.written import Written, measure_written
from verilora.errors import DataError
from verilora.records.canonical import digest_bytes, digest_file
from verilora.records.recipe import Recipe
from verilora.records.run import Run
from verilora.records.verdict import VerdictDocument
from verilora.reproduce.conclusion import conclude_files, run_directories
from verilora.reproduce.directory import Place
from verilora.reproduce.fitting import CLOSE, faults_of_record, faults_together
from verilora.train.directory import RunDirectory
from verilora.verdict.conclude import Stamp


@dataclass(frozen=True)
class Recomputed:
    """A reproduction computed again from its files alone."""

    document: VerdictDocument
    """What the files give."""
    identical: bool
    """The bytes of verdict.json are those."""
    faults: tuple[str, ...]
    """What does not fit together, a sentence each; none if all is well."""


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
            "are wanted); verilora reproduce TARGET --out DIR makes one, and the command that "
            "began one goes on with it",
            file=place.path,
            line=None,
        )
    stamp = Stamp(before.verdict.agent_version or "", before.verdict.computed_at or "")
    document = conclude_files(place, pre, stamp=stamp)
    identical = document.canonical() == place.verdict_file.read_bytes()
    directories = [path for _, path in run_directories(place, pre)]
    faults = [fault for directory in directories for fault in faults_of(directory)]
    faults += faults_together(directories)
    if not identical:
        faults.append(_differing(before, document))
    return Recomputed(document, identical, tuple(faults))


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
    faults += faults_of_record(run, recipe)
    faults += _prediction_faults(place.predictions, recipe, run=run)
    return [f"{directory.name}: {fault}" for fault in faults]


def _prediction_faults(path: Path, recipe: Recipe, *, run: Run) -> list[str]:
    try:
        content = path.read_bytes()
        metrics = measure_again(content, find_task(recipe.task))
        rows = len(content.splitlines())
    except (OSError, ValueError, KeyError, TypeError) as error:
        return [f"predictions.jsonl cannot be read: {error}"]
    faults = []
    if digest_bytes(content) != run.digests.predictions:
        faults.append("predictions.jsonl is not the file that run.json names")
    if rows != run.data.validation_rows:
        faults.append(f"run.json says {run.data.validation_rows} items, {rows} were predicted")
    for name, value in metrics.items():
        stated = run.metrics[name].value
        if abs(stated - value) > CLOSE:
            faults.append(f"run.json says {name} {stated:g}, the predictions give {value:g}")
    return faults


def measure_again(content: bytes, task: Task) -> dict[str, float]:
    """The task's metrics, each in its unit, from the bytes of predictions.jsonl."""
    rows = [json.loads(line) for line in content.splitlines()]
    if task.kind == CAUSAL:
        tallies = [Tally(row["tokens"], row["log_likelihood"], row["correct"]) for row in rows]
        scored = [row for row in rows if "reference" in row] if task.written else []
        pairs = [Written(row["prompt"], row["reference"], row["generated"]) for row in scored]
        scores = measure_written(task.written, pairs) if scored else {}
        return {**measure_language(task.foretold, tallies), **scores}
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
