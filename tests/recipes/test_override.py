from __future__ import annotations

from typing import Any

import pytest

from verilora.errors import RecipeError
from verilora.recipes.override import apply_overrides, merge

RECIPE = {"name": "a", "training": {"epochs": 3, "seed": 0}}


def changed(*overrides: str) -> dict[str, Any]:
    return apply_overrides(RECIPE, overrides, source="recipe 'a'")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("3", 3),
        ("true", True),
        ("adamw", "adamw"),
        ('"3"', "3"),
        ("'a b'", "a b"),
        ("../shared/data", "../shared/data"),
        ("runs/a=b", "runs/a=b"),
        ('["query", "value"]', ["query", "value"]),
        ('{a = 1, "b.c" = 2}', {"a": 1, "b.c": 2}),
        ("", ""),
        ("two words # and more", "two words # and more"),
        ("1\nother = 2", "1\nother = 2"),
    ],
)
def test_values_are_toml_and_bare_words_are_strings(text: str, value: Any) -> None:
    assert changed(f"task.data={text}")["task"] == {"data": value}


def test_only_what_is_named_changes_and_the_last_one_wins() -> None:
    found = changed("training.epochs=1", "training.epochs = 2", "name=b")
    assert found == {"name": "b", "training": {"epochs": 2, "seed": 0}}
    assert RECIPE == {"name": "a", "training": {"epochs": 3, "seed": 0}}


def test_keys_may_be_quoted() -> None:
    found = changed('adapter.rank_pattern."layer.0.query"=4')
    assert found["adapter"] == {"rank_pattern": {"layer.0.query": 4}}


def test_all_that_cannot_be_read_is_told_at_once() -> None:
    with pytest.raises(RecipeError) as caught:
        changed("epochs", "=3", "a b=3", "a\nb=4", "[a]\nb=4", "adapter.target_modules=[query]")
    faults = caught.value.facts["faults"]
    assert len(faults) == 6
    assert "key=value is wanted, such as training.learning_rate=1e-3" in faults[0]
    assert "'a b' is no key" in faults[2]
    assert 'quote the strings in a list: ["query", "value"]' in faults[5]


def test_merge_joins_tables_and_replaces_the_rest() -> None:
    old = {"a": {"b": 1, "c": [1]}, "d": 1}
    assert merge(old, {"a": {"c": [2], "e": {}}}) == {"a": {"b": 1, "c": [2], "e": {}}, "d": 1}
    assert merge(old, {"a": 1, "d": {"f": 1}}) == {"a": 1, "d": {"f": 1}}
