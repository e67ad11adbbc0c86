"""What a recipe meets is found in the files themselves: base, start, data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from verilora.errors import RecipeError
from verilora.records.recipe import Recipe
from verilora.records.target import Target
from verilora.reproduce.circumstances import likeness_of_base, look_around

Make = Callable[..., Target]


def test_the_facts_are_those_of_the_files(make_target: Make, recipe: Recipe) -> None:
    found = look_around(make_target(), recipe)
    assert (found.setup.train_rows, found.setup.validation_rows) == (48, 40)
    assert (found.setup.base, found.setup.start) == ("same", "same")
    assert found.majority == 60.0
    assert found.setup.truncated == 0
    assert found.setup.longest <= 11
    assert found.plan.parameters.adapter == 2 * 2 * (2 * 32)
    assert "torch" in found.setup.environment


def test_another_metric_than_the_tasks_is_refused(make_target: Make, recipe: Recipe) -> None:
    with pytest.raises(RecipeError, match="measured in bleu"):
        look_around(make_target(metric="bleu"), recipe)


def with_id(recipe: Recipe, name: str) -> Recipe:
    return recipe.replace(model=recipe.model.replace(id=name))


def test_a_base_is_known_by_its_id(make_target: Make, recipe: Recipe, tmp_path: Path) -> None:
    target = make_target(bases=("Some/Base", "base"), shape={"model_type": "bert"})
    place = tmp_path / "snapshots" / "abc123"
    likeness, told = likeness_of_base(target, with_id(recipe, "some/base"), place=place)
    assert (likeness, told) == ("same", "some/base, revision abc123")
    assert likeness_of_base(target, with_id(recipe, "other/base"), place=place)[0] == "different"


def test_a_directory_shows_what_it_is_not(make_target: Make, recipe: Recipe, base: Path) -> None:
    other = make_target(bases=("some/base",), shape={"model_type": "roberta"})
    likeness, told = likeness_of_base(other, recipe, place=base)
    assert likeness == "different"
    assert "bert, 1 layers, 32 wide" in told
    alike = make_target(bases=("some/base",), shape={"model_type": "bert", "hidden_size": 32})
    likeness, told = likeness_of_base(alike, recipe, place=base)
    assert likeness == "unknown"
    assert "name the base by that id" in told


def test_a_directory_of_the_bases_name_is_a_directory(
    make_target: Make, recipe: Recipe, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = make_target(bases=("some/base",), shape={"model_type": "bert"})
    (tmp_path / "some").mkdir()
    (tmp_path / "some" / "base").symlink_to(base)
    monkeypatch.chdir(tmp_path)
    likeness, told = likeness_of_base(target, with_id(recipe, "some/base"), place=base)
    assert likeness == "unknown"
    assert "nothing shows that its weights are those" in told
