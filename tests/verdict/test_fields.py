"""Every field of a recipe belongs to a dimension, or is known to belong to none."""

from __future__ import annotations

import dataclasses

import pytest

from verilora.records.adapter import LoraConfig
from verilora.records.recipe import Recipe, TrainingSection
from verilora.verdict.fields import ELSEWHERE, FIELDS, PHRASES, QUIET, listed, value_of, whole

RECIPE = Recipe.model_validate({"name": "a", "model": {"id": "m"}, "task": {"name": "mrpc"}})
ALL = {f"adapter.{item.name}" for item in dataclasses.fields(LoraConfig)} | {
    f"training.{name}" for name in TrainingSection.model_fields
}


def test_no_field_is_forgotten_or_counted_twice() -> None:
    named = [field for fields in FIELDS.values() for field in fields]
    assert len(named) == len(set(named))
    assert set(named) | ELSEWHERE == ALL
    assert not set(named) & ELSEWHERE


def test_words_are_for_fields_that_are_there() -> None:
    assert set(PHRASES) | QUIET <= ALL


def test_values_and_their_words() -> None:
    assert value_of(RECIPE, "adapter.rank") == 8
    assert listed(["adapter.rank", "training.epochs"], RECIPE) == "rank 8, 3 epochs"
    assert whole("epochs_and_batch", RECIPE) == "3 epochs, batches of 16"
    assert whole("precision", RECIPE) == "float32"
    assert "scale rule" not in whole("adapter", RECIPE)


@pytest.mark.parametrize("field", sorted(ALL - ELSEWHERE))
def test_every_field_can_be_told(field: str) -> None:
    assert listed([field], RECIPE).strip()
