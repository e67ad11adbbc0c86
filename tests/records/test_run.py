"""Run: what came out of one recipe; closed, with units, back from its bytes."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from verilora.records.run import Metric, Run

SHA = "sha256:" + "0" * 64
BEFORE = "sha256:748906a615d20fa507b856a243d10df18d8a92544adfd2531ec896353d0878ee"
"""Of PLAIN, by the form that had no training_loss."""
PLAIN: dict[str, Any] = {
    "recipe": "tiny",
    "method": "lora",
    "seed": 1,
    "steps": 4,
    "metrics": {"accuracy": {"value": 75.0}, "loss": {"value": 0.5, "unit": "loss"}},
    "main_metric": "accuracy",
    "loss_first": 0.7,
    "loss_last": 0.5,
    "selection": {"rule": "best", "step": 4, "metric": "accuracy", "evaluations": 2},
    "curve": [
        {"step": 2, "epoch": 0.5, "loss": 0.6, "metrics": {"accuracy": 50.0}},
        {"step": 4, "epoch": 1.0, "loss": 0.5, "metrics": {"accuracy": 75.0}},
    ],
    "parameters": {"total": 100, "trainable": 12, "adapter": 8, "head": 4},
    "data": {"train_rows": 8, "validation_rows": 4, "dropped": {"empty": 1}},
    "digests": {"base": SHA, "data": SHA, "recipe": SHA, "adapter": None, "predictions": SHA},
    "timings": {
        "total_seconds": 2.5,
        "train_seconds": 2.0,
        "evaluate_seconds": 0.25,
        "train_tokens": 64,
        "train_examples": 8,
    },
    "memory": {"peak_bytes": None, "planned_bytes": 1000},
    "environment": {"python": "3.11"},
}


def test_comes_back_from_its_bytes() -> None:
    run = Run.model_validate(PLAIN)
    again = Run.model_validate_json(run.canonical())
    assert again == run
    assert again.digest == run.digest
    assert [point.step for point in again.curve] == [2, 4]


def test_a_run_from_before_the_training_loss_was_kept_has_the_digest_that_it_had() -> None:
    before = Run.model_validate(PLAIN)
    assert before.digest == BEFORE
    assert "training_loss" not in before.to_mapping()
    now = before.replace(training_loss={"every": 2, "means": (0.7, 0.5)})
    assert now.digest != BEFORE
    assert Run.model_validate_json(now.canonical()) == now


def test_every_number_says_its_unit() -> None:
    mapping = Run.model_validate(PLAIN).to_mapping()
    assert mapping["metrics"] == {
        "accuracy": {"value": 75.0, "unit": "percent"},
        "loss": {"value": 0.5, "unit": "loss"},
    }
    with pytest.raises(ValidationError, match="unit"):
        Metric.model_validate({"value": 0.75, "unit": "fraction"})


@pytest.mark.parametrize("field", list(PLAIN))
def test_every_field_is_wanted(field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        Run.model_validate({name: value for name, value in PLAIN.items() if name != field})


@pytest.mark.parametrize(
    "wrong",
    [
        {"format": "verilora.run/2"},
        {"seeds": 3},
        {"method": "magic"},
        {"loss_last": float("nan")},
        {"metrics": {"accuracy": 75.0}},
        {"training_loss": {"every": 0, "means": [0.7]}},
        {"selection": {"rule": "luck", "step": 1, "metric": "accuracy", "evaluations": 1}},
    ],
)
def test_refuses(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Run.model_validate({**PLAIN, **wrong})
