"""Whole runs of causal language models: what they leave, and that it is right."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from verilora.charts.png import write_curves
from verilora.data.metrics import Tally, measure_language
from verilora.data.tasks import find_task
from verilora.lora.formats import load_adapter
from verilora.records.events import Event, Noted, SelfChecked
from verilora.records.recipe import Recipe
from verilora.report import write_report
from verilora.reproduce.recompute import faults_of, measure_again
from verilora.train.agreement import evaluate_again
from verilora.train.run import run

Make = Callable[..., Recipe]
WRITTEN = {"max_new_tokens": 5, "limit": 3}


@pytest.mark.parametrize("packing", [False, True])
@pytest.mark.parametrize("form", ["text", "pairs", "talks"])
@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_a_run_learns_and_agrees_with_itself(
    make_causal: Make, tmp_path: Path, kind: str, form: str, packing: bool
) -> None:
    generation = None if form == "text" else WRITTEN
    recipe = make_causal(kind, form, packing=packing, generation=generation, learning_rate=3e-2)
    heard: list[Event] = []
    done = run(recipe, tmp_path / "run", listen=heard.append)
    assert done.curve[-1].loss < done.curve[0].loss
    assert done.loss_last < done.loss_first
    assert done.metrics["perplexity"].unit == "points"
    assert done.metrics["token_accuracy"].unit == "percent"
    assert (done.data.train_rows, done.data.validation_rows, done.data.majority) == (40, 14, {})
    checks = next(event.checks for event in heard if isinstance(event, SelfChecked))
    assert checks == (
        "gradients are finite",
        "every adapter moved",
        "no frozen weight changed",
    )
    again = evaluate_again(tmp_path / "run")
    assert again.agrees
    assert again.same_bytes
    assert faults_of(tmp_path / "run") == []


def test_metrics_follow_from_the_files_and_the_page_tells_them(
    make_causal: Make, tmp_path: Path
) -> None:
    recipe = make_causal(generation=WRITTEN)
    done = run(recipe, tmp_path / "run")
    content = (tmp_path / "run" / "predictions.jsonl").read_bytes()
    stated = {n: metric.value for n, metric in done.metrics.items() if n != "loss"}
    assert measure_again(content, find_task(recipe.task)) == stated
    rows = [json.loads(line) for line in content.splitlines()]
    tallies = [Tally(row["tokens"], row["log_likelihood"], row["correct"]) for row in rows]
    assert measure_language(["perplexity"], tallies)["perplexity"] == stated["perplexity"]
    write_curves(tmp_path / "run")
    page = write_report(tmp_path / "run").read_text()
    assert f"perplexity {stated['perplexity']:.4g}" in page
    assert "token accuracy" in page
    assert "% perplexity" not in page
    assert "task head" not in page


def test_other_texts_are_evaluated_and_not_compared(
    make_causal: Make, talks: Path, tmp_path: Path
) -> None:
    run(make_causal(generation=WRITTEN), tmp_path / "run")
    other = tmp_path / "other"
    other.mkdir()
    (other / "train.jsonl").write_text((talks / "train.jsonl").read_text())
    (other / "dev.jsonl").write_text((talks / "train.jsonl").read_text())
    found = evaluate_again(tmp_path / "run", data=str(other))
    assert found.recorded is None
    assert found.rows == 40
    assert set(found.metrics) == {"perplexity", "token_accuracy"}


def test_an_edited_line_is_found(make_causal: Make, tmp_path: Path) -> None:
    run(make_causal(), tmp_path / "run")
    path = tmp_path / "run" / "predictions.jsonl"
    first, *others = path.read_text().splitlines()
    row = json.loads(first)
    row["log_likelihood"] /= 2
    path.write_text("\n".join([json.dumps(row), *others]) + "\n")
    told = " ".join(faults_of(tmp_path / "run"))
    assert "predictions.jsonl is not the file that run.json names" in told
    assert "the predictions give" in told


def test_the_best_is_the_lowest_perplexity(make_causal: Make, tmp_path: Path) -> None:
    # So large a rate that it gets worse again.
    recipe = make_causal(method="full", learning_rate=0.1, epochs=6, select="best")
    done = run(recipe, tmp_path / "run")
    values = {point.step: point.metrics["perplexity"] for point in done.curve}
    assert (
        values[done.selection.step] == min(values.values()) < done.curve[-1].metrics["perplexity"]
    )
    assert done.metrics["perplexity"].value == pytest.approx(min(values.values()))


def test_other_settings_work_together(make_causal: Make, tmp_path: Path) -> None:
    recipe = make_causal(
        "gpt2",
        packing=True,
        precision="bfloat16",
        gradient_checkpointing=True,
        micro_batch_size=4,
        label_smoothing=0.1,
        adapter={"target_modules": "all-linear", "dropout": 0.1},
    )
    assert run(recipe, tmp_path / "run").curve[-1].loss > 0
    whole = make_causal("llama", method="full", learning_rate=1e-3)
    done = run(whole, tmp_path / "full")
    assert done.parameters.head == 0
    assert evaluate_again(tmp_path / "full").same_bytes


def test_the_adapter_loads_on_the_plain_model(make_causal: Make, tmp_path: Path) -> None:
    recipe = make_causal("llama", adapter={"target_modules": ["q_proj", "o_proj"]})
    run(recipe, tmp_path / "run")
    model: Any = AutoModelForCausalLM.from_pretrained(recipe.model.id)
    plain = model(torch.tensor([[0, 9, 9]])).logits
    load_adapter(model, tmp_path / "run" / "adapter")
    assert not torch.equal(model(torch.tensor([[0, 9, 9]])).logits, plain)


def test_texts_that_are_cut_or_left_out_are_said(make_causal: Make, tmp_path: Path) -> None:
    heard: list[Event] = []
    done = run(make_causal(max_length=6), tmp_path / "run", listen=heard.append)
    dropped = done.data.dropped
    reason = "longer than max_length before the first token to be learnt"
    assert dropped.keys() == {f"train: {reason}", f"validation: {reason}"}
    assert done.data.train_rows == 40 - dropped[f"train: {reason}"]
    rows = (tmp_path / "run" / "predictions.jsonl").read_text().splitlines()
    assert len(rows) == done.data.validation_rows == 14 - dropped[f"validation: {reason}"]
    notes = [event.text for event in heard if isinstance(event, Noted)]
    assert any("training texts are longer than 6 tokens and were cut" in note for note in notes)
    assert any(f"validation texts are left out: {reason}" in note for note in notes)
    pieces: list[Event] = []
    run(make_causal(form="text", max_length=6), tmp_path / "text", listen=pieces.append)
    told = [event.text for event in pieces if isinstance(event, Noted)]
    assert any("were cut into pieces, " in note for note in told)
