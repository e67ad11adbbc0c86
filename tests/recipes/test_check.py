from __future__ import annotations

import tomllib
from typing import Any

import pytest
import tomli_w

from verilora.errors import RecipeError
from verilora.recipes.check import check_recipe, to_mapping
from verilora.records.adapter import LoraConfig
from verilora.records.recipe import Recipe

LEAST = {"name": "a", "model": {"id": "m"}, "task": {"name": "rte"}}


def faults(**sections: Any) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        check_recipe({**LEAST, **sections}, "recipe 'a'")
    assert str(caught.value).startswith("recipe 'a'")
    return list(caught.value.facts["faults"])


def test_the_least_recipe() -> None:
    recipe = check_recipe(LEAST, "recipe 'a'")
    assert (recipe.adapter, recipe.training.epochs) == (LoraConfig(), 3.0)


@pytest.mark.parametrize(
    ("section", "fields", "said"),
    [
        ("training", {"epochs": "many"}, "training.epochs is 'many'; it should be a valid number"),
        ("training", {"epochs": 0}, "training.epochs is 0; it should be greater than 0"),
        ("training", {"seed": 1.5}, "training.seed is 1.5; it should be a valid integer"),
        (
            "training",
            {"schedule": "lin"},
            "training.schedule is 'lin'; it should be 'linear', 'cosine' or 'constant'",
        ),
        (
            "training",
            {"evaluate_every": "step"},
            "training.evaluate_every is 'step'; it should be 'epoch', or a valid integer",
        ),
        ("training", {"adam_betas": [0.9]}, "training.adam_betas[1] is missing"),
        (
            "training",
            {"lerning_rate": 1},
            "training.lerning_rate: there is no such field; did you mean 'learning_rate' or "
            "'learning_rate_ratio'?",
        ),
        ("model", {}, "model.id is missing"),
        ("model", {"id": 3}, "model.id is 3; it should be a valid string"),
        ("task", {"kind": "regression"}, "task: a task of kind 'regression' also needs train"),
        ("task", {}, "task: a task has either a name that verilora knows, or a kind"),
        ("adapter", {"rank": 0}, "adapter: rank is 0"),
        ("adapter", {"rnk": 8}, "adapter: unknown field 'rnk'; did you mean 'rank'?"),
    ],
)
def test_one_fault(section: str, fields: dict[str, Any], said: str) -> None:
    (told,) = faults(**{section: fields})
    assert told.startswith(said)


@pytest.mark.parametrize("section", ["model", "task", "adapter", "training"])
def test_a_section_that_is_no_table(section: str) -> None:
    (told,) = faults(**{section: 3})
    assert told.startswith(section)
    assert "3" in told


def test_a_field_in_the_wrong_place_is_sent_home() -> None:
    (told,) = faults(learning_rate=1e-3)
    assert told == "learning_rate: there is no such field; it belongs under [training]"
    (told,) = faults(modle={})
    assert told == "modle: there is no such field; did you mean 'model'?"


def test_a_name_that_is_none() -> None:
    (told,) = faults(name="a b")
    assert told.startswith("name is 'a b'; letters, digits")


def test_every_fault_of_every_section_is_told_at_once() -> None:
    told = faults(
        model={"id": ""},
        task={"name": "rte", "limit": 0},
        adapter={"rank": 0, "alpha": 0},
        training={"epochs": 0, "batchsize": 3},
    )
    places = [fault.partition(" ")[0].rstrip(":") for fault in told]
    assert places == [
        *("model.id", "task.limit", "adapter", "adapter"),
        *("training.epochs", "training.batchsize"),
    ]


def test_none_is_a_word_where_a_field_may_have_no_value() -> None:
    training = {"max_gradient_norm": "none", "checkpoint_every": "none", "max_steps": "none"}
    recipe = check_recipe({**LEAST, "training": training}, "recipe 'a'")
    assert recipe.training.max_gradient_norm is None
    assert recipe.training.checkpoint_every is None
    adapter = {"layers": "none", "exclude_modules": "none"}
    assert check_recipe({**LEAST, "adapter": adapter}, "a").adapter == LoraConfig()
    assert check_recipe({**LEAST, "generation": "none"}, "a").generation is None
    assert faults(training="none")
    (told,) = faults(training={"epochs": "none"})
    assert told.startswith("training.epochs is 'none'")


@pytest.mark.parametrize(
    "sections",
    [
        {},
        {"training": {"max_gradient_norm": None, "checkpoint_every": None, "adam_epsilon": 1e-6}},
        {"training": {"evaluate_every": 10, "max_steps": 7, "adam_betas": (0.8, 0.9)}},
        {"adapter": {"layers": [1, 2], "rank_pattern": {"a.b": 4}, "exclude_modules": "x.*"}},
        {"adapter": {"target_modules": "all-linear", "fused": {"c_attn": ["q", "v"]}}},
        {"task": {"name": "mrpc", "data": 'with "quotes"', "limit": 3}},
        {"generation": {"beams": 4, "limit": None}, "training": {"packing": True}},
    ],
    ids=["least", "none", "numbers", "patterns", "fused", "task", "later"],
)
def test_what_is_written_is_read_back(sections: dict[str, Any]) -> None:
    recipe = Recipe.model_validate({**LEAST, **sections})
    text = tomli_w.dumps(to_mapping(recipe))
    again = check_recipe(tomllib.loads(text), "again")
    assert again == recipe
    assert again.digest == recipe.digest
