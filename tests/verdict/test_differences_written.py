"""How text is written belongs to the protocol: Table 3's cells beside runs that write otherwise."""

from __future__ import annotations

from typing import Any

from verilora.recipes.targets import find_target
from verilora.records.protocol import Row
from verilora.records.recipe import Recipe
from verilora.records.target import Setup
from verilora.verdict.differences import rows_of

TARGET = find_target("lora/table3/gpt2-medium/bleu")
PAPER = TARGET.accounts["paper"]


def row(dimension: str, recipe: Recipe) -> Row:
    setup = Setup(
        recipe=recipe,
        base="same",
        base_told="GPT-2",
        start="same",
        start_told="the pretrained weights",
        train_rows=42_061,
        validation_rows=4_693,
        data="sha256:" + "a" * 64,
        longest=90,
        truncated=0,
        environment="2 CPU cores",
    )
    return {one.dimension: one for one in rows_of(TARGET, PAPER, setup)}[dimension]


def writing(**generation: Any) -> Recipe:
    assert PAPER.recipe.generation is not None
    return PAPER.recipe.replace(generation=PAPER.recipe.generation.replace(**generation))


def test_what_the_paper_leaves_open_of_it_is_filled_beforehand() -> None:
    found = row("metric", PAPER.recipe)
    assert (found.state, found.filled) == ("paper_silent", "before")
    assert found.paper == "BLEU; 10 beams, length penalty 0.9, no 4 tokens twice"
    assert found.ours == f"bleu; {found.paper.partition('; ')[2]}, 64 new tokens at most"


def test_other_beams_are_another_metric() -> None:
    found = row("metric", writing(length_penalty=0.8))
    assert (found.state, found.paper) == ("different", "BLEU; length penalty 0.9")
    assert found.ours == "bleu; length penalty 0.8"
    assert row("metric", PAPER.recipe.replace(generation=None)).state == "different"


def test_a_metric_may_be_named_among_others() -> None:
    task = PAPER.recipe.task.replace(metrics=("perplexity", "bleu"))
    assert row("metric", PAPER.recipe.replace(task=task)).state == "paper_silent"
    task = PAPER.recipe.task.replace(metrics=("perplexity", "nist"))
    assert row("metric", PAPER.recipe.replace(task=task)).state == "different"


def test_part_of_the_prompts_is_another_evaluation() -> None:
    whole, part = (row("evaluation", writing(limit=limit)) for limit in (None, 100))
    assert (whole.state, part.state) == ("equivalent", "different")
    assert "of whose prompts the first 100 are written on" in (part.ours or "")


def test_label_smoothing_is_the_optimisers() -> None:
    training = PAPER.recipe.training.replace(label_smoothing=0.0)
    found = row("optimiser", PAPER.recipe.replace(training=training))
    assert (found.state, found.paper) == ("different", "label smoothing 0.1")
