"""What a finished run leaves: predictions, adapter or weights, and its record."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Sequence
from typing import Any

import safetensors.torch

from verilora.atomic import write_whole
from verilora.data.hub import HUB_ID
from verilora.data.metrics import majority
from verilora.data.tasks import GLUE, METRICS
from verilora.lora import explain
from verilora.lora.formats import save_adapter
from verilora.records.canonical import digest_file
from verilora.records.run import (
    DataFacts,
    Digests,
    LossCurve,
    Memory,
    Metric,
    Run,
    Selection,
    Timings,
)
from verilora.train.build import Build, count_parameters
from verilora.train.directory import RunDirectory
from verilora.train.evaluate import Evaluation
from verilora.train.facts import environment
from verilora.train.predictions import prediction_lines
from verilora.train.session import Session

LOSSES = 200
"""At most so many means of the training loss are kept in a run's record."""
_OF_THE_MACHINE = {"threads", "start", "checkpoint_every"}
"""Settings that name what is on one machine, or change nothing in what comes out."""


def save_outcome(session: Session, evaluation: Evaluation, *, directory: RunDirectory) -> None:
    """Writes predictions.jsonl, and adapter/ with explain.json or weights.safetensors.

    A run without an adapter keeps the weights that it trained, by their names in the model.
    """
    write_whole(directory.predictions, prediction_lines(session.build, evaluation))
    model = session.build.model
    if session.training.method == "lora":
        results = results_of(session, evaluation)
        save_adapter(model, directory.adapter, results, overwrite=True)
        told = json.dumps(explain(model).to_mapping(), indent=1, allow_nan=False)
        write_whole(directory.explanation, f"{told}\n".encode())
    else:
        weights = {name: p.detach().contiguous() for name, p in session.trained.items()}
        write_whole(directory.weights, safetensors.torch.save(weights))


def results_of(session: Session, evaluation: Evaluation) -> dict[str, Any]:
    """What is said with the adapter; nothing that differs between machines or days."""
    build = session.build
    units = {name: METRICS[name].unit for name in evaluation.metrics}
    start = {"start": build.start} if build.start else {}
    return {
        "recipe": build.recipe.name,
        "recipe_digest": build.recipe.digest,
        "task": build.task.name,
        "dataset": _dataset(build),
        "data_digest": build.dataset.digest,
        "metrics": evaluation.metrics,
        "units": units,
        "training": session.training.model_dump(mode="json", exclude=_OF_THE_MACHINE),
        "seed": session.training.seed,
        "steps": session.step,
        "train_rows": len(build.train.examples),
        "validation_rows": len(build.validation.examples),
        "selection": session.training.select,
        **start,
    }


def _dataset(build: Build) -> dict[str, str]:
    """The data set as the hub knows it; of one's own files the task's name alone."""
    name = build.task.name
    if name not in GLUE:
        return {"name": name, "type": name}
    # MNLI has two validation sets, taken together.
    split = {"split": "validation"} if name != "mnli" else {}
    return {"name": f"GLUE {name.upper()}", "type": HUB_ID, "config": name, **split}


def record_of(
    session: Session,
    evaluation: Evaluation,
    *,
    directory: RunDirectory,
    memory: Memory,
    total_seconds: float,
) -> Run:
    """The run's record; its files must have been written."""
    build = session.build
    tenth = max(1, len(session.losses) // 10)
    return Run(
        recipe=build.recipe.name,
        method=session.training.method,
        base=build.recipe.model.base,
        seed=session.training.seed,
        steps=session.step,
        metrics={**_measured(evaluation.metrics), "loss": _loss(evaluation.loss)},
        main_metric=build.task.metrics[0],
        loss_first=statistics.fmean(session.losses[:tenth]),
        loss_last=statistics.fmean(session.losses[-tenth:]),
        selection=_selection(session),
        curve=tuple(session.curve),
        training_loss=thinned(session.losses),
        parameters=count_parameters(build.model, build.head),
        data=_data_facts(build),
        digests=_digests(build, directory),
        timings=_timings(session, total_seconds),
        memory=memory,
        environment=environment(build),
        resumed=session.resumed,
        preregistration=session.preregistration,
    )


def thinned(losses: Sequence[float]) -> LossCurve:
    """The losses of all steps as at most LOSSES means over equally long stretches, six digits."""
    every = max(1, math.ceil(len(losses) / LOSSES))
    stretches = (losses[start : start + every] for start in range(0, len(losses), every))
    means = (float(f"{statistics.fmean(stretch):.6g}") for stretch in stretches)
    return LossCurve(every=every, means=tuple(means))


def _selection(session: Session) -> Selection:
    choice, rule = session.choice, session.training.select
    step = choice.step if rule == "best" else session.step
    assert step is not None
    return Selection(
        rule=rule,
        step=step,
        metric=session.build.task.metrics[0],
        evaluations=choice.evaluations,
    )


def _data_facts(build: Build) -> DataFacts:
    dataset = build.dataset
    answers = majority(build.task, build.train.labels, validation_labels=build.validation.labels)
    return DataFacts(
        train_rows=len(build.train.examples),
        validation_rows=len(build.validation.examples),
        dropped={**dataset.dropped, **_dropped(build)},
        truncated=build.train.truncated + build.validation.truncated,
        majority=_measured(answers),
    )


def _dropped(build: Build) -> dict[str, int]:
    """Examples that encoding left out, by split and reason."""
    splits = {"train": build.train, "validation": build.validation}
    return {
        f"{split}: {reason}": count
        for split, encoded in splits.items()
        for reason, count in encoded.dropped.items()
    }


def _digests(build: Build, directory: RunDirectory) -> Digests:
    adapter = directory.adapter / "adapter_model.safetensors"
    has_adapter = build.recipe.training.method == "lora"
    return Digests(
        base=build.base_digest,
        data=build.dataset.digest,
        recipe=build.recipe.digest,
        adapter=digest_file(adapter) if has_adapter else None,
        predictions=digest_file(directory.predictions),
        start=build.start,
    )


def _timings(session: Session, total_seconds: float) -> Timings:
    totals = session.totals
    return Timings(
        total_seconds=total_seconds,
        train_seconds=totals.train_seconds,
        evaluate_seconds=totals.evaluate_seconds,
        train_tokens=totals.tokens,
        train_examples=totals.examples,
    )


def _measured(metrics: dict[str, float]) -> dict[str, Metric]:
    return {name: Metric(value=value, unit=METRICS[name].unit) for name, value in metrics.items()}


def _loss(value: float) -> Metric:
    return Metric(value=value, unit="loss")
