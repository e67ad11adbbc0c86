"""A wish becomes a recipe: the paper's, with what was changed, and no more unasked than is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from verilora.errors import RecipeError
from verilora.recipes import catalog
from verilora.records.recipe import Recipe
from verilora.records.target import Target
from verilora.reproduce import wish as wishes
from verilora.reproduce.wish import Wish, recipe_for

Make = Callable[..., Target]


def test_the_paper_s_recipe_goes_unchanged(make_target: Make, recipe: Recipe) -> None:
    assert recipe_for(Wish(make_target())) == (recipe, ())


def test_what_is_said_is_changed(make_target: Make, mrpc: Path, tmp_path: Path) -> None:
    wish = Wish(
        make_target(),
        data=str(mrpc),
        limit=7,
        settings=("training.epochs=1", "adapter.alpha=9"),
        start=str(tmp_path),
    )
    changed, _ = recipe_for(wish)
    assert (changed.task.limit, changed.task.validation_limit) == (7, 7)
    assert (changed.training.epochs, changed.adapter.alpha) == (1, 9)
    assert changed.training.start == str(tmp_path)


def test_seeds_are_the_papers_count_or_those_named(make_target: Make) -> None:
    assert Wish(make_target()).chosen_seeds == (0, 1, 2, 3, 4)
    assert Wish(make_target(), seeds=(4, 2)).chosen_seeds == (4, 2)
    with pytest.raises(RecipeError, match="seed 2 is named twice"):
        assert Wish(make_target(), seeds=(2, 2)).chosen_seeds
    with pytest.raises(RecipeError, match="none is named"):
        assert Wish(make_target(), seeds=()).chosen_seeds


def test_the_seed_is_no_setting(make_target: Make) -> None:
    with pytest.raises(RecipeError, match="say --seeds"):
        recipe_for(Wish(make_target(), settings=("training.seed = 3",)))


def test_a_cell_that_cannot_run_says_why(make_target: Make) -> None:
    target = make_target(accounts={}, missing="a decoder is wanted")
    with pytest.raises(RecipeError, match="a decoder is wanted"):
        recipe_for(Wish(target))


def test_another_base_takes_the_shipped_recipe(
    make_target: Make, base: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = recipe.training.replace(learning_rate=7e-3, epochs=5, select="last")
    model = recipe.model.replace(id="package:tiny/model")
    shipped = recipe.replace(name="tiny-shipped", model=model, training=training)
    monkeypatch.setattr(catalog, "names", lambda: ("tiny-shipped",))
    monkeypatch.setattr(catalog, "load", lambda name: shipped)
    monkeypatch.setattr(wishes, "locate", lambda section, **rest: base)
    changed, notes = recipe_for(Wish(make_target(), model=str(base.parent / "." / base.name / ".")))
    assert changed.model.id == str(base)
    wish = Wish(make_target(), model="package:tiny/model")
    changed, notes = recipe_for(wish)
    assert (changed.training.learning_rate, changed.training.epochs) == (7e-3, 5)
    assert changed.training.select == "best"
    assert "tiny-shipped" in notes[0]


def test_no_more_tokens_than_the_base_reads(make_target: Make, recipe: Recipe) -> None:
    long = recipe.replace(training=recipe.training.replace(max_length=512))
    account = {"source": "Table 9", "recipe": long}
    target = make_target(accounts={"paper": account})
    fitted, notes = recipe_for(Wish(target))
    assert fitted.training.max_length == 16
    assert notes == ("the base reads at most 16 tokens: max_length is 16, not 512",)
    asked, notes = recipe_for(Wish(target, settings=("training.max_length=300",)))
    assert (asked.training.max_length, notes) == (300, ())
