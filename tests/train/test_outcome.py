from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch

from verilora.data.metrics import measure
from verilora.records.recipe import Recipe
from verilora.records.run import Memory
from verilora.train.directory import RunDirectory
from verilora.train.evaluate import evaluate
from verilora.train.loop import train
from verilora.train.outcome import (
    prediction_lines,
    record_of,
    results_of,
    save_outcome,
    thinned,
)
from verilora.train.session import Session

MEMORY = Memory(peak_bytes=None, planned_bytes=None)


def trained(session: Session) -> Session:
    list(train(session))
    return session


def test_the_metric_can_be_recomputed_from_the_predictions_alone(
    opened: Callable[..., Session],
) -> None:
    build = trained(opened(epochs=1)).build
    evaluation = evaluate(build)
    rows = [json.loads(line) for line in prediction_lines(build, evaluation).splitlines()]
    assert [row["id"] for row in rows] == [example.id for example in build.dataset.validation]
    names = ("bad", "good")
    predictions = [names.index(row["prediction"]) for row in rows]
    labels = [names.index(row["label"]) for row in rows]
    assert measure(("accuracy", "f1"), predictions, labels=labels) == evaluation.metrics
    assert [row["scores"] for row in rows] == evaluation.scores
    assert all(max(r["scores"]) == r["scores"][p] for r, p in zip(rows, predictions, strict=True))


def test_a_regressions_predictions_are_numbers(
    regression: Callable[..., Recipe], open_recipe: Callable[[Recipe], Session]
) -> None:
    build = open_recipe(regression()).build
    evaluation = evaluate(build)
    rows = [json.loads(line) for line in prediction_lines(build, evaluation).splitlines()]
    assert [row["prediction"] for row in rows] == evaluation.predictions
    assert [row["label"] for row in rows] == build.validation.labels


def test_an_adapter_is_saved_with_its_results_and_explained(
    opened: Callable[..., Session], tmp_path: Path
) -> None:
    session = trained(opened(epochs=1))
    evaluation = evaluate(session.build)
    save_outcome(session, evaluation, directory=RunDirectory(tmp_path))
    assert {path.name for path in (tmp_path / "adapter").iterdir()} >= {
        "adapter_model.safetensors",
        "adapter_config.json",
        "verilora.json",
        "README.md",
    }
    assert "accuracy" in (tmp_path / "adapter" / "verilora.json").read_text("utf-8")
    explained = json.loads((tmp_path / "explain.json").read_bytes())
    layers = explained if isinstance(explained, list) else explained["layers"]
    assert len(layers) >= 4
    assert not (tmp_path / "weights.safetensors").exists()


@pytest.mark.parametrize("method", ["head", "full"])
def test_without_an_adapter_the_trained_weights_are_saved(
    opened: Callable[..., Session], tmp_path: Path, method: str
) -> None:
    session = trained(opened(epochs=1, method=method))
    save_outcome(session, evaluate(session.build), directory=RunDirectory(tmp_path))
    saved = safetensors.torch.load_file(tmp_path / "weights.safetensors")
    assert saved.keys() == session.trained.keys()
    assert all(torch.equal(saved[name], p) for name, p in session.trained.items())


def test_results_hold_nothing_of_the_machine_or_the_day(opened: Callable[..., Session]) -> None:
    session = opened()
    found = results_of(session, evaluate(session.build))
    assert set(found) == {
        "recipe",
        "recipe_digest",
        "task",
        "dataset",
        "data_digest",
        "metrics",
        "units",
        "training",
        "seed",
        "steps",
        "train_rows",
        "validation_rows",
        "selection",
    }
    json.dumps(found, allow_nan=False)
    assert "threads" not in found["training"]
    assert found["training"]["learning_rate"] == session.training.learning_rate
    assert found["units"].keys() == found["metrics"].keys()
    assert found["dataset"] == {"name": found["task"], "type": found["task"]}


def test_first_and_last_loss_are_means_of_a_tenth(
    opened: Callable[..., Session], tmp_path: Path
) -> None:
    session = trained(opened(epochs=3))
    assert len(session.losses) == 24
    evaluation = evaluate(session.build)
    save_outcome(session, evaluation, directory=RunDirectory(tmp_path))
    done = record_of(
        session, evaluation, directory=RunDirectory(tmp_path), memory=MEMORY, total_seconds=9.0
    )
    assert done.loss_first == pytest.approx(sum(session.losses[:2]) / 2)
    assert done.loss_last == pytest.approx(sum(session.losses[-2:]) / 2)
    assert done.training_loss is not None
    assert done.training_loss.every == 1
    assert done.training_loss.means == pytest.approx(session.losses, rel=1e-5)
    assert done.timings.total_seconds == 9.0
    assert (done.selection.rule, done.selection.step) == ("last", 24)


@pytest.mark.parametrize(
    ("steps", "every", "count"), [(0, 1, 0), (200, 1, 200), (201, 2, 101), (1000, 5, 200)]
)
def test_a_long_curve_is_kept_as_means_of_stretches(steps: int, every: int, count: int) -> None:
    kept = thinned([float(step) for step in range(steps)])
    assert (kept.every, len(kept.means)) == (every, count)
    if steps:
        assert kept.means[0] == (every - 1) / 2
        last = list(range(steps))[(count - 1) * every :]
        assert kept.means[-1] == pytest.approx(sum(last) / len(last))
