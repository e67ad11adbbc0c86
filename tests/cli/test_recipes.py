"""Recipes by name: listed, shown whole, and misspelt ones answered with the nearest."""

from __future__ import annotations

import json
import tomllib

from verilora.recipes import catalog
from verilora.recipes.targets import find_target, target_names
from verilora.records.recipe import Recipe
from verilora.records.target import Target


def test_list_names_every_recipe_with_its_base(verilora):
    told = verilora("recipes", "list")
    assert told.status == 0
    for name in catalog.names():
        line = next(line for line in told.out.splitlines() if line.startswith(f"{name} "))
        assert line.endswith(catalog.load(name).model.id)


def test_list_as_json_has_a_title_and_a_summary(verilora):
    found = json.loads(verilora("recipes", "list", "--json").out)
    assert [one["name"] for one in found["recipes"]] == list(catalog.names())
    assert all(one["title"] and one["summary"] for one in found["recipes"])
    assert [one["name"] for one in found["targets"]] == list(target_names())


def test_list_names_every_target_and_says_why_some_do_not_run(verilora):
    lines = verilora("recipes", "list").out.splitlines()
    for name in target_names():
        line = next(line for line in lines if line.startswith(f"{name} "))
        assert ("  yes" in line) == (find_target(name).missing is None)
    reasons = {find_target(name).missing for name in target_names()} - {None}
    assert sum(line.startswith("(") for line in lines) == len(reasons)


def test_show_tells_a_target_or_gives_it_whole(verilora):
    name = "lora/table2/roberta-base/cola"
    told = verilora("recipes", "show", name)
    assert told.status == 0
    assert told.out.startswith(name)
    found = json.loads(verilora("recipes", "show", name, "--json").out)
    assert Target.model_validate(found) == find_target(name)


def test_a_misspelt_target_is_answered(verilora):
    for asked in ("lora/table2/roberta-base/mprc", "table2/roberta-base/mrpc"):
        told = verilora("recipes", "show", asked)
        assert (told.status, told.out) == (1, "")
        assert "did you mean 'lora/table2/roberta-base/mrpc'" in told.err


def test_a_target_is_not_changed_by_set(verilora):
    told = verilora("recipes", "show", "lora/table2/roberta-base/mrpc", "--set", "adapter.rank=3")
    assert told.status == 2
    assert "is a target" in told.err


def test_what_is_shown_can_be_trained_as_it_is(verilora, tmp_path):
    told = verilora("recipes", "show", "stdlib-minilm", "--set", "adapter.rank=3")
    path = tmp_path / "mine.toml"
    path.write_text(told.out, "utf-8")
    assert catalog.load(path) == catalog.load("stdlib-minilm", ["adapter.rank=3"])


def test_json_of_a_recipe_is_the_recipe(verilora):
    found = json.loads(verilora("recipes", "show", "mrpc-minilm", "--json").out)
    assert Recipe.model_validate(found) == catalog.load("mrpc-minilm")
    assert tomllib.loads(verilora("recipes", "show", "mrpc-minilm").out)["name"] == "mrpc-minilm"


def test_a_misspelt_name_and_a_misspelt_field_are_answered(verilora):
    told = verilora("recipes", "show", "mrpc-minlm")
    assert (told.status, told.out) == (1, "")
    assert "did you mean 'mrpc-minilm'" in told.err
    told = verilora("recipes", "show", "mrpc-minilm", "--set", "training.learning_rat=1")
    assert told.status == 1
    assert "learning_rate" in told.err
    assert "Traceback" not in told.err
