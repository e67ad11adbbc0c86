"""The one real causal model at hand, where it is there: what it writes, and that it learns."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from verilora.recipes.catalog import load
from verilora.records.recipe import GenerationSection, Recipe
from verilora.train.agreement import evaluate_again
from verilora.train.build import build
from verilora.train.evaluate import evaluate
from verilora.train.generate import generate
from verilora.train.language import shape_of_pass, summed_loss
from verilora.train.proof import prove
from verilora.train.run import run

SHARED = Path(__file__).parents[2].parent / "shared"
STORIES = SHARED / "models" / "stories260K"
E2E = SHARED / "data" / "e2e"
pytestmark = pytest.mark.skipif(
    not (STORIES.is_dir() and E2E.is_dir()), reason="the real model and data are not there"
)
STORY = (
    "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. "
    "One day, she saw a big, red ball. She wanted to play with it, but it was too high."
)
"""What the model's makers document that it writes greedily (stories260K.md)."""


@pytest.fixture
def recipe(tmp_path: Path) -> Callable[..., Recipe]:
    """E2E's first pairs, briefly; keywords go to [training]."""
    for name, rows in (("train", 96), ("dev", 24)):
        with gzip.open(E2E / f"{name}set.csv.gz", "rt", encoding="utf-8", newline="") as file:
            pairs = [row for row, _ in zip(csv.DictReader(file), range(rows), strict=False)]
        lines = (json.dumps({"prompt": row["mr"], "completion": row["ref"]}) for row in pairs)
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines) + "\n")

    def make(**training: Any) -> Recipe:
        files = {"data": str(tmp_path), "train": "train.jsonl", "validation": "dev.jsonl"}
        columns = {"text_columns": ["prompt"], "label_column": "completion"}
        usual = {"epochs": 1, "batch_size": 8, "learning_rate": 5e-3, "max_length": 320}
        return Recipe.model_validate(
            {
                "name": "stories",
                "model": {"id": str(STORIES)},
                "task": {"kind": "causal-lm", **files, **columns},
                "adapter": {"rank": 4, "alpha": 16, "target_modules": "all-linear"},
                "training": {**usual, "threads": 1, **training},
            }
        )

    return make


def test_greedy_writes_the_documented_story(recipe: Callable[..., Recipe]) -> None:
    made = build(recipe())
    section = GenerationSection(max_new_tokens=80)
    start = [made.tokenizer.bos_token_id]
    alone, beside = generate(made, [start, [*start, 400, 401]], section=section)
    assert alone.strip().startswith(STORY)
    assert beside != alone


def test_packed_and_unpacked_agree_on_real_text(recipe: Callable[..., Recipe]) -> None:
    losses = []
    for packing in (False, True):
        made = build(recipe(packing=packing))
        prove(made)
        losses.append(summed_loss(made, list(range(12))))
    assert shape_of_pass(made.train, list(range(12)), training=made.recipe.training)[0] < 12
    torch.testing.assert_close(losses[1], losses[0], rtol=1e-6, atol=0)


def test_an_adapter_lowers_the_loss_clearly(recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    asked = recipe(packing=True, micro_batch_size=4)
    before = evaluate(build(asked)).loss
    done = run(asked, tmp_path / "run")
    assert before > 4
    assert done.metrics["loss"].value < before - 1
    assert evaluate_again(tmp_path / "run").same_bytes


def test_the_shipped_recipe_writes_and_is_scored(tmp_path: Path) -> None:
    few = ["task.limit=64", "task.validation_limit=16", "generation.limit=2", "generation.beams=2"]
    places = [f'model.id="{STORIES}"', f'task.data="{E2E}"', "training.threads=1"]
    asked = load("e2e-stories260k", [*places, *few])
    before = evaluate(build(asked))
    done = run(asked, tmp_path / "run")
    assert before.loss > 3.9
    assert done.metrics["loss"].value < before.loss - 0.5
    assert {name: metric.unit for name, metric in done.metrics.items()} == {
        **dict.fromkeys(("bleu", "nist", "meteor_exact_stem", "rouge_l", "cider"), "points"),
        "perplexity": "points",
        "token_accuracy": "percent",
        "loss": "loss",
    }
    rows = (tmp_path / "run" / "predictions.jsonl").read_text("utf-8").splitlines()
    written = {row["prompt"]: row["generated"] for row in map(json.loads, rows) if "prompt" in row}
    assert len(written) == 2
    assert evaluate_again(tmp_path / "run").same_bytes
