"""What happened in a run, in sentences."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from verilora.charts.panels import read_run
from verilora.records.recipe import Recipe
from verilora.report.story import story


def told_of(directory: Path) -> str:
    recipe = Recipe.model_validate(tomllib.loads((directory / "recipe.toml").read_text()))
    return " ".join(story(read_run(directory), recipe))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"method": "head"}, "The task head alone, on a frozen base, was trained"),
        ({"method": "full"}, "The whole model, every weight of it, was trained"),
        ({"resumed": 2}, "stopped and taken up again 2 times"),
        ({"data": {"train_rows": 9, "validation_rows": 4}}, "on 4 validation examples"),
    ],
)
def test_the_story_follows_the_run(write_run, changed, told):
    assert told in told_of(write_run(**changed))


def test_a_variant_is_told(write_run):
    place = write_run()
    recipe = Recipe.model_validate(tomllib.loads((place / "recipe.toml").read_text()))
    variant = recipe.adapter.replace(weight_rule="dora", init="eva", bias="all", rank=4)
    training = recipe.training.replace(learning_rate_ratio=16.0, frozen_a=True)
    model = recipe.model.replace(base="nf4")
    changed = recipe.replace(adapter=variant, training=training, model=model)
    assert story(read_run(place), changed)[0].startswith(
        "LoRA of rank 4 (DoRA, eva start, B learning 16 times as fast, A frozen, "
        "the base kept as nf4) on query and value, with the task head and biases, was trained"
    )
    assert "(" not in story(read_run(place), recipe)[0].partition(",")[0]


def test_an_adapter_without_a_head_is_told(write_run):
    counts = {"total": 900, "trainable": 80, "adapter": 80, "head": 0}
    assert "value, with nothing else, was trained" in told_of(write_run(parameters=counts))


def test_a_run_no_better_than_the_majority_is_told_so(write_run):
    worse = {"accuracy": {"value": 40.0}, "loss": {"value": 0.7, "unit": "loss"}}
    text = told_of(write_run(metrics=worse))
    assert "no better than always giving the most frequent answer (52.0 % accuracy)" in text


def test_selection_of_the_best_is_told_as_such(write_run):
    chosen = {"rule": "best", "step": 17, "metric": "accuracy", "evaluations": 9}
    assert "best of 9 evaluations on the same examples" in told_of(write_run(selection=chosen))
