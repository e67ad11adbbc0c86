"""What is fixed beforehand is what the runs' records name afterwards."""

from __future__ import annotations

from pathlib import Path

from verilora.records.recipe import Recipe
from verilora.reproduce.inputs import inputs_of
from verilora.train.material import gather
from verilora.train.run import run


def test_they_are_those_of_the_runs(recipe: Recipe, tmp_path: Path) -> None:
    short = recipe.replace(training=recipe.training.replace(max_steps=2))
    first = run(short, tmp_path / "first")
    assert inputs_of(gather(short)).base == first.digests.base
    assert inputs_of(gather(short)).start is None

    onward = short.replace(training=short.training.replace(start=str(tmp_path / "first"), seed=7))
    second = run(onward, tmp_path / "second")
    fixed = inputs_of(gather(onward))
    assert (fixed.base, fixed.start) == (second.digests.base, second.digests.start)
    assert fixed.start == first.digests.adapter


def test_seed_and_threads_are_no_part_of_the_recipe_of_a_plan(recipe: Recipe) -> None:
    training = recipe.training
    again = recipe.replace(training=training.replace(seed=5, threads=3))
    other = recipe.replace(training=training.replace(head_dropout=0.3))
    assert again.plan_digest == recipe.plan_digest != other.plan_digest
