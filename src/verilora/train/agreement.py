"""A finished run looked at again: do its saved weights still give its numbers?"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError
from torch import nn

from verilora.errors import AdapterFileError, BaseMismatch, DataError, OutputError
from verilora.lora.formats import load_adapter
from verilora.records.canonical import digest_of
from verilora.records.recipe import Recipe, TaskSection
from verilora.records.run import Run
from verilora.train.build import (
    Build,
    assemble,
    digests_of_base,
    trained_parameters,
)
from verilora.train.device import pick_device
from verilora.train.directory import RunDirectory
from verilora.train.evaluate import Evaluation, Listen, complete, evaluate
from verilora.train.loading import load_model
from verilora.train.material import gather
from verilora.train.predictions import prediction_lines
from verilora.train.quantised import keep_base

CLOSE = 1e-6
"""Points; below it two metrics are the same number, computed in another order."""
ROUNDING = 1e-5
"""The same for what follows from the outputs themselves, as a share of it: a perplexity."""
LAST_DIGITS = 1e-3
"""Of a score or a log-likelihood, as a share of it or of 1: another order or device's rounding."""
OUTPUTS = ("scores", "log_likelihood")
"""What of a row of predictions.jsonl is not rounded to an answer."""


@dataclass(frozen=True)
class Agreement:
    """What a run's weights say now, beside what its files say."""

    metrics: dict[str, float]
    """Measured again, each in its unit."""
    recorded: dict[str, float] | None
    """Of run.json; None on other data, where there is nothing to compare."""
    rows: int
    differing: tuple[str, ...]
    """Ids of the examples of which something else is said than in predictions.jsonl, by more than
    a score's last digits, or that only one of both knows."""
    same_bytes: bool
    """True if predictions.jsonl would be written again to the byte, scores included."""

    @property
    def agrees(self) -> bool:
        """True if every metric is the recorded one; also where nothing was compared."""
        pairs = self.recorded or {}
        return all(
            abs(self.metrics[name] - value) <= max(CLOSE, _rounding(name) * abs(value))
            for name, value in pairs.items()
        )

    def to_mapping(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {**asdict(self), "agrees": self.agrees}


def evaluate_again(
    directory: Path | str,
    *,
    data: str | None = None,
    listen: Listen | None = None,
    device: str | None = None,
) -> Agreement:
    """Loads base and saved weights anew and evaluates them, on the run's data or on `data`.

    Raises DataError if the run's data are no longer those it was measured on, BaseMismatch for
    another base, AdapterFileError for edited weights, OutputError if there is no finished run.
    """
    place = RunDirectory(Path(directory))
    recipe, finished = place.begun_with(), place.finished()
    if recipe is None or finished is None:
        raise OutputError(
            f"{place.path} holds no finished run (recipe.toml and run.json are wanted); "
            "verilora train RECIPE --out DIR makes one",
            path=place.path,
        )
    build = restored_build(place, recipe, finished=finished, data=data, device=device)
    evaluation = complete(build, evaluate(build, listen=listen), listen=listen)
    if data is not None:
        return Agreement(evaluation.metrics, None, len(build.validation.examples), (), False)
    return _compared(build, evaluation, place=place, finished=finished)


def _elsewhere(task: TaskSection, data: str) -> TaskSection:
    """The task with its files in another directory, under the names that they had."""
    if task.data is not None or task.train is None or task.validation is None:
        return task.replace(data=data)
    # A whole path would be taken as it stands, whatever directory is named.
    names = {"train": Path(task.train).name, "validation": Path(task.validation).name}
    return task.replace(data=data, **names)


def restored_build(
    place: RunDirectory,
    recipe: Recipe,
    *,
    finished: Run,
    data: str | None = None,
    device: str | None = None,
) -> Build:
    """Base, saved weights and data of a finished run, ready to evaluate."""
    if data is not None:
        recipe = recipe.replace(task=_elsewhere(recipe.task, data))
    material = gather(recipe)
    if data is None and material.dataset.digest != finished.digests.data:
        raise DataError(
            "the data are no longer those that the run was measured on (their digest differs); "
            "name them with --data to evaluate on them as they are",
            file=None,
            line=None,
        )
    where = pick_device(device)
    model, head = load_model(material, where)
    digests = digests_of_base(model, head)
    if digest_of(digests) != finished.digests.base:
        raise BaseMismatch(
            f"the base '{recipe.model.id}' is not the one that the run was made on (its digest "
            "differs); give that revision of it",
            path=material.directory,
        )
    keep_base(model, recipe, head=head)
    _load_weights(model, place, method=recipe.training.method)
    nn.Module.to(model, where)
    return assemble(material, model, head=head, base_digests=digests)


def _load_weights(model: nn.Module, place: RunDirectory, *, method: str) -> None:
    if method == "lora":
        load_adapter(model, place.adapter)
        return
    model.requires_grad_(True)
    try:
        saved = safetensors.torch.load_file(place.weights)
        parameters = trained_parameters(model)
        for name, tensor in saved.items():
            parameters[name].data.copy_(tensor)
    except (OSError, SafetensorError, KeyError, RuntimeError) as error:
        raise AdapterFileError(
            f"{place.weights} cannot be loaded: {error}", path=place.weights, faults=(str(error),)
        ) from error


def _compared(
    build: Build, evaluation: Evaluation, *, place: RunDirectory, finished: Run
) -> Agreement:
    now = prediction_lines(build, evaluation)
    try:
        before = place.predictions.read_bytes()
        old = [json.loads(line) for line in before.splitlines()]
        said = {str(row["id"]): row for row in old}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{place.predictions} cannot be read: {error}", file=place.predictions, line=None
        ) from error
    rows = {row["id"]: row for row in map(json.loads, now.splitlines())}
    differing = [name for name in {**rows, **said} if not _alike(rows.get(name), said.get(name))]
    recorded = {name: finished.metrics[name].value for name in build.task.metrics}
    return Agreement(
        metrics=evaluation.metrics,
        recorded=recorded,
        rows=len(rows),
        differing=tuple(differing),
        same_bytes=now == before,
    )


def _rounding(metric: str) -> float:
    return ROUNDING if metric == "perplexity" else 0.0


def _alike(now: Any, before: Any) -> bool:
    """True for two rows of predictions.jsonl that differ in the last digits of outputs alone."""
    if not (isinstance(now, dict) and isinstance(before, dict)) or now.keys() != before.keys():
        return False
    return all(
        _near(value, before[name]) if name in OUTPUTS else value == before[name]
        for name, value in now.items()
    )


def _near(now: Any, before: Any) -> bool:
    if isinstance(now, list) and isinstance(before, list):
        return len(now) == len(before) and all(map(_near, now, before))
    if not (isinstance(now, int | float) and isinstance(before, int | float)):
        return now == before
    return abs(now - before) <= LAST_DIGITS * max(1.0, abs(now))
