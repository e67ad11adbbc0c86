"""Every field of a recipe belongs to a dimension, or is known to belong to none."""

from __future__ import annotations

import dataclasses

import pytest

from verilora.records.adapter import LoraConfig
from verilora.records.recipe import GenerationSection, Recipe, TrainingSection
from verilora.verdict.fields import ELSEWHERE, FIELDS, PHRASES, QUIET, listed, value_of, whole

RECIPE = Recipe.model_validate({"name": "a", "model": {"id": "m"}, "task": {"name": "mrpc"}})
ALL = {f"adapter.{item.name}" for item in dataclasses.fields(LoraConfig)} | {
    f"training.{name}" for name in TrainingSection.model_fields
}
ALL |= {f"generation.{name}" for name in GenerationSection.model_fields}


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


def test_how_text_is_written_is_told_where_it_is() -> None:
    assert value_of(RECIPE, "generation.beams") is None
    assert whole("metric", RECIPE) == ""
    writing = RECIPE.replace(generation=GenerationSection(beams=10, length_penalty=0.9))
    told = whole("metric", writing)
    assert told.startswith("10 beams, length penalty 0.9, ") and "64 new tokens at most" in told


def test_what_is_off_goes_without_saying() -> None:
    assert "smoothing" not in whole("optimiser", RECIPE)
    smooth = RECIPE.replace(training=RECIPE.training.replace(label_smoothing=0.1))
    assert "label smoothing 0.1" in whole("optimiser", smooth)


@pytest.mark.parametrize("field", sorted(ALL - ELSEWHERE))
def test_every_field_can_be_told(field: str) -> None:
    assert listed([field], RECIPE).strip()
