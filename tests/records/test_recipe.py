"""Recipe: what can be trained, what cannot, and its identity."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from pydantic import ValidationError

from verilora.errors import ConfigError
from verilora.records.adapter import LoraConfig
from verilora.records.recipe import Recipe, TaskSection, TrainingSection

TEXT = """
format = "verilora.recipe/1"
name = "mrpc-minilm"
[model]
id = "FacebookAI/roberta-base"
[task]
name = "mrpc"
[adapter]
rank = 8
alpha = 16
target_modules = ["query", "value"]
[training]
epochs = 30
learning_rate = 4e-4
seed = 0
"""
FIRST = "sha256:cdf4b076587a1f2620192bf89f2b6237a27e424b09a9d08fc71e5fcb579be6eb"
FILES = {
    "kind": "classification",
    "train": "train.csv",
    "validation": "validation.csv",
    "text_columns": ["text"],
    "label_column": "label",
}


def recipe(**changes: Any) -> Recipe:
    return Recipe.model_validate({**tomllib.loads(TEXT), **changes})


def faults_of(**changes: Any) -> list[tuple[str, str]]:
    with pytest.raises(ValidationError) as caught:
        recipe(**changes)
    return [(".".join(map(str, e["loc"])), e["msg"]) for e in caught.value.errors()]


def test_reads_the_recipe_of_the_interface() -> None:
    made = recipe()
    assert made.adapter == LoraConfig(rank=8, alpha=16, target_modules=["query", "value"])
    assert made.training.epochs == 30
    assert made.training.batch_size == 16


def test_comes_back_from_its_bytes_with_the_same_digest() -> None:
    made = recipe(adapter={"fused_sizes": {"c_attn": {"q": 4, "k": 2}}, "rank_pattern": {"q": 2}})
    again = Recipe.model_validate_json(made.canonical())
    assert again == made
    assert again.digest == made.digest


def test_digest_is_its_identity() -> None:
    made = recipe()
    assert recipe(adapter={"alpha": 16.0, "target_modules": ["query", "value"]}) == made
    for section, change in (("training", {"seed": 1}), ("task", {"limit": 5, "name": "mrpc"})):
        assert recipe(**{section: change}).digest != made.digest


def test_a_recipe_written_before_a_field_came_keeps_its_digest() -> None:
    """Made by the first form of the format; runs and verdicts name recipes by it."""
    assert recipe().digest == FIRST
    assert recipe(training={"packing": True}).digest != recipe(training={}).digest
    assert "generation" not in recipe().to_mapping()


def test_a_causal_task_has_texts_or_conversations() -> None:
    files = {"kind": "causal-lm", "train": "a.jsonl", "validation": "b.jsonl"}
    for said in ({"text_columns": ["text"]}, {"messages_column": "messages"}):
        assert recipe(task={**files, **said}).task.kind == "causal-lm"
    both = {"text_columns": ["text"], "messages_column": "messages"}
    for said in ({}, both):
        assert "either text_columns" in faults_of(task={**files, **said})[0][1]


def test_faults_of_all_sections_are_told_at_once() -> None:
    found = dict(
        faults_of(
            adapter={"rank": 0, "rnak": 3},
            training={"epochs": 0, "epoch": 1},
            task={"name": "mrpc", "kind": "regression"},
        )
    )
    assert set(found) == {"adapter", "training.epochs", "training.epoch", "task"}
    assert "did you mean 'rank'" in found["adapter"]
    assert "rank is 0" in found["adapter"]


def test_faults_of_the_adapter_stand_in_a_list() -> None:
    with pytest.raises(ValidationError) as caught:
        recipe(adapter={"rank": 0, "alpha": 0})
    (only,) = caught.value.errors()
    (cause,) = only["ctx"]["error"].args
    assert isinstance(cause, ConfigError)
    assert len(cause.facts["faults"]) == 2


@pytest.mark.parametrize("name", ["", "../up", "a/../b", "/top", "a//b", "a/", ".hidden", "a b"])
def test_a_name_that_could_not_name_a_directory_is_refused(name: str) -> None:
    assert faults_of(name=name)[0][0] == "name"


@pytest.mark.parametrize("name", ["mrpc", "lora/table2/roberta-base/mrpc", "v1.0_x"])
def test_names(name: str) -> None:
    assert recipe(name=name).name == name


def test_a_task_has_a_name_or_a_kind() -> None:
    assert TaskSection(name="mrpc").kind is None
    assert TaskSection.model_validate(FILES).label_column == "label"
    for wrong in ({}, {**FILES, "name": "mrpc"}):
        with pytest.raises(ValidationError, match="either a name"):
            TaskSection.model_validate(wrong)


def test_a_kind_says_which_fields_it_lacks() -> None:
    with pytest.raises(ValidationError, match="also needs validation, label_column"):
        TaskSection.model_validate(
            {"kind": "regression", "train": "a.csv", "text_columns": ["text"]}
        )


@pytest.mark.parametrize("columns", [[], ["a", "b", "c"], "text"])
def test_one_text_column_or_two(columns: Any) -> None:
    with pytest.raises(ValidationError):
        TaskSection.model_validate({**FILES, "text_columns": columns})


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"batch_size": 0},
        {"batch_size": 16, "micro_batch_size": 5},
        {"learning_rate": 0},
        {"learning_rate": float("nan")},
        {"warmup_ratio": 1},
        {"weight_decay": -0.1},
        {"adam_betas": [0.9, 1.0]},
        {"adam_betas": [0.9]},
        {"max_gradient_norm": 0},
        {"max_length": 1},
        {"precision": "float16"},
        {"evaluate_every": 0},
        {"evaluate_every": "step"},
        {"checkpoint_every": "never"},
        {"seed": 2**53},
        {"seed": -1},
        {"threads": 0},
        {"method": "dora"},
        {"lr": 1e-3},
    ],
)
def test_training_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TrainingSection.model_validate(wrong)


def test_every_seed_that_is_allowed_has_a_digest() -> None:
    largest = recipe(training={"seed": 2**53 - 1}, adapter={"seed": 2**53 - 1})
    assert Recipe.model_validate_json(largest.canonical()) == largest
