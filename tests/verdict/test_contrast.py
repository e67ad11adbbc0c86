"""Rows between two recipes: one thing is compared, and any other difference counts."""

from __future__ import annotations

from typing import Any

import pytest

from verilora.records.protocol import DIMENSIONS, Row
from verilora.records.recipe import Recipe
from verilora.verdict.contrast import COMPARED, OWN_RATE, rows_between
from verilora.verdict.protocol import level_of


def recipe(**sections: Any) -> Recipe:
    given = {
        "name": "tiny",
        "model": {"id": "base"},
        "task": {"name": "mrpc", "data": "here"},
        "adapter": {"rank": 2, "alpha": 4, "target_modules": ["query", "value"]},
    }
    merged = {name: {**given.get(name, {}), **value} for name, value in sections.items()}
    return Recipe.model_validate({**given, **merged})


def rows(ours: dict | None = None, theirs: dict | None = None) -> dict[str, Row]:
    reference = {
        **(theirs or {}),
        "training": {"method": "full", **(theirs or {}).get("training", {})},
    }
    found = rows_between(
        recipe(**(ours or {})),
        recipe(**reference),
        metric="accuracy",
        items=408,
        environment="2 cores",
    )
    assert [row.dimension for row in found] == list(DIMENSIONS)
    return {row.dimension: row for row in found}


def test_only_the_adapter_is_compared() -> None:
    found = rows()
    assert level_of(found.values()) == "exact"
    assert {name for name, row in found.items() if row.state != "same"} == {"adapter"}
    adapter = found["adapter"]
    assert (adapter.state, adapter.reason) == ("equivalent", COMPARED)
    assert adapter.ours == "LoRA: rank 2, alpha 4, target modules query and value"
    assert adapter.paper == "none: every weight is trained"
    assert found["evaluation"].ours == "the validation set: 408 items"
    assert found["start"].ours == "the pretrained weights"


def test_each_side_may_have_its_own_learning_rate() -> None:
    found = rows({"training": {"learning_rate": 2e-3}}, {"training": {"learning_rate": 1e-4}})
    assert (found["optimiser"].state, found["optimiser"].reason) == ("equivalent", OWN_RATE)
    assert level_of(found.values()) == "exact"


def test_what_changes_no_result_is_no_difference() -> None:
    found = rows({"training": {"seed": 4, "threads": 2, "micro_batch_size": 4}})
    assert level_of(found.values()) == "exact"


@pytest.mark.parametrize(
    ("section", "fields", "dimension", "level"),
    [
        ("model", {"id": "other"}, "base", "proxy"),
        ("model", {"revision": "1"}, "base", "proxy"),
        ("model", {"base": "nf4"}, "base", "proxy"),
        ("task", {"data": "there"}, "training_data", "proxy"),
        ("task", {"limit": 5}, "training_data", "proxy"),
        ("task", {"validation_limit": 5}, "evaluation", "proxy"),
        ("training", {"max_length": 64}, "preprocessing", "proxy"),
        ("training", {"weight_decay": 0.1}, "optimiser", "proxy"),
        ("training", {"head_dropout": 0.1}, "optimiser", "proxy"),
        ("training", {"head_dropout": 0.0}, "optimiser", "proxy"),
        ("training", {"base_dropout": 0.0}, "optimiser", "proxy"),
        ("training", {"packing": True}, "optimiser", "proxy"),
        ("training", {"label_smoothing": 0.1}, "optimiser", "proxy"),
        ("training", {"weight_decay": 1e-9}, "optimiser", "proxy"),
        ("training", {"warmup_ratio": 0.0600000001}, "optimiser", "proxy"),
        ("generation", {"beams": 4}, "metric", "proxy"),
        ("training", {"weight_decay": 0.1, "learning_rate": 1.0}, "optimiser", "proxy"),
        ("training", {"epochs": 9.0}, "epochs_and_batch", "proxy"),
        ("training", {"batch_size": 8}, "epochs_and_batch", "proxy"),
        ("training", {"select": "best"}, "selection", "proxy"),
        ("training", {"precision": "bfloat16"}, "precision", "near"),
    ],
)
def test_any_other_difference_is_one(
    section: str, fields: dict, dimension: str, level: str
) -> None:
    for found in (rows({section: fields}), rows(theirs={section: fields})):
        assert found[dimension].state == "different"
        assert level_of(found.values()) == level


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"init": "loftq", "loftq_rounds": 2}, "init loftq, loftq rounds 2"),
        ({"init": "eva", "rank_spread": 1.0}, "init eva, rank spread 1"),
        ({"weight_rule": "dora", "bias": "all"}, "bias all, weight rule dora"),
    ],
)
def test_a_variant_of_the_adapter_is_told(fields: dict, told: str) -> None:
    row = rows({"adapter": fields})["adapter"]
    assert (row.state, row.reason) == ("equivalent", COMPARED)
    assert row.ours == f"LoRA: rank 2, alpha 4, target modules query and value, {told}"
