from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from verilora.errors import TrainingError
from verilora.records.events import Evaluating
from verilora.records.recipe import Recipe
from verilora.reproduce.recompute import measure_again
from verilora.scores.measure import score
from verilora.train import evaluate_texts as module
from verilora.train.build import build
from verilora.train.evaluate import complete, evaluate
from verilora.train.language import tallies_of
from verilora.train.predictions import prediction_lines

Make = Callable[..., Recipe]


def test_loss_and_perplexity_are_over_all_tokens(
    make_causal: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH_SIZE", 5)
    made = build(make_causal())
    heard: list[object] = []
    found = evaluate(made, listen=heard.append)
    assert heard == [Evaluating(1, 3), Evaluating(2, 3), Evaluating(3, 3)]
    assert [text.id for text in found.texts] == [one.id for one in made.dataset.validation]
    tokens = sum(text.tally.tokens for text in found.texts)
    assert tokens == sum(made.validation.target_counts)
    assert found.loss == pytest.approx(
        -sum(text.tally.log_likelihood for text in found.texts) / tokens
    )
    assert found.metrics["perplexity"] == pytest.approx(math.exp(found.loss))
    assert list(found.metrics) == ["perplexity", "token_accuracy"]
    alone = [tallies_of(made, made.validation, indices=[index])[0] for index in range(14)]
    for text, tally in zip(found.texts, alone, strict=True):
        assert text.tally.log_likelihood == pytest.approx(tally.log_likelihood, rel=1e-5)


def test_neither_packing_nor_smoothing_changes_an_evaluation(make_causal: Make) -> None:
    plain, other = (
        evaluate(build(recipe))
        for recipe in (make_causal(), make_causal(packing=True, label_smoothing=0.3))
    )
    assert plain.texts == other.texts


def test_pieces_of_a_text_count_together(make_causal: Make) -> None:
    made = build(make_causal(form="text", max_length=6))
    assert len(made.validation.ids) > 14 == len(made.validation.examples)
    found = evaluate(made)
    assert len(found.texts) == 14
    # Every token of the text but its first, however it was cut.
    whole = build(make_causal(form="text"))
    lengths = [len(ids) - 1 for ids in whole.validation.ids]
    assert [text.tally.tokens for text in found.texts] == lengths


def test_what_is_written_stands_with_its_example(make_causal: Make) -> None:
    made = build(make_causal(generation={"max_new_tokens": 3, "limit": 2}))
    evaluation = evaluate(made)
    assert all(text.generated is None for text in evaluation.texts)
    heard: list[object] = []
    found = complete(made, evaluation, listen=heard.append)
    assert heard == [Evaluating(1, 1)]
    assert [text.generated is None for text in found.texts] == [False] * 2 + [True] * 12
    assert [text.tally for text in found.texts] == [text.tally for text in evaluation.texts]


def test_a_prompt_is_written_on_once_and_scored_against_all_its_completions(
    make_causal: Make, tmp_path: Path
) -> None:
    rows = [("a man", "plays"), ("the dog", "sings loud"), ("a man", "plays music")]
    lines = [json.dumps({"prompt": p, "completion": c}) + "\n" for p, c in rows]
    for name in ("train", "dev"):
        (tmp_path / f"{name}.jsonl").write_text("".join(lines))
    task = {"data": str(tmp_path), "metrics": ["perplexity", "rouge_l", "bleu"]}
    made = build(make_causal(task=task, generation={"max_new_tokens": 3}))
    evaluation = evaluate(made)
    assert list(evaluation.metrics) == ["perplexity"]
    heard: list[object] = []
    found = complete(made, evaluation, listen=heard.append)
    first, second, third = (text.generated for text in found.texts)
    assert first == third
    outputs = [str(first).strip(), str(second).strip()]
    wanted = score(
        ["rouge_l", "bleu"], outputs, references=[["plays", "plays music"], ["sings loud"]]
    )
    assert found.metrics == {**evaluation.metrics, **wanted}
    content = prediction_lines(made, found)
    assert measure_again(content, made.task) == pytest.approx(found.metrics)
    told = json.loads(content.splitlines()[2])
    assert (told["prompt"], told["reference"]) == ("a man", "plays music")


def test_without_a_section_nothing_is_written(make_causal: Make, make_recipe: Make) -> None:
    for recipe in (make_causal(), make_recipe()):
        made = build(recipe)
        evaluation = evaluate(made)
        assert complete(made, evaluation) is evaluation


def test_a_model_that_diverged_is_said(make_causal: Make) -> None:
    made = build(make_causal())
    made.model.get_input_embeddings().weight.data[7, 0] = torch.nan
    with pytest.raises(TrainingError, match=r"likelihood of .* texts is not finite"):
        evaluate(made)
