from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch

from verilora.errors import CheckpointError
from verilora.records.recipe import Recipe
from verilora.train.build import build
from verilora.train.checkpoint import Checkpoint
from verilora.train.loop import hand_over, train
from verilora.train.resume import capture, refuse_other_recipe, restore
from verilora.train.session import Session, open_session


def finish(session: Session) -> dict[str, torch.Tensor]:
    list(train(session))
    hand_over(session)
    return {name: p.detach().clone() for name, p in session.trained.items()}


def stop(session: Session, step: int) -> Checkpoint:
    """What is kept of a session when `step` steps are done and evaluated."""
    caught: list[Checkpoint] = []

    def save(session: Session) -> None:
        if session.step == step:
            kept = capture(session, seconds=1.5)
            tensors = {name: value.clone() for name, value in kept.tensors.items()}
            caught.append(Checkpoint(step, tensors, json.loads(json.dumps(kept.state))))

    list(train(session, save=save))
    return caught[0]


@pytest.mark.parametrize("step", [1, 2, 5, 8, 15, 16])
@pytest.mark.parametrize(
    "training",
    [
        {"adapter": {"dropout": 0.3}},
        {"micro_batch_size": 4, "schedule": "cosine", "weight_decay": 0.1},
        {"select": "best", "evaluate_every": 3, "precision": "bfloat16"},
        {"method": "full", "gradient_checkpointing": True, "learning_rate": 1e-3},
        {"method": "head"},
    ],
    ids=lambda training: "-".join(training),
)
def test_resumed_is_never_stopped_to_the_bit(
    opened: Callable[..., Session], training: dict[str, Any], step: int
) -> None:
    training = {"checkpoint_every": 1, **training}
    through = opened(**training)
    wanted = finish(through)
    checkpoint = stop(opened(**training), step)
    again = opened(**training)
    restore(again, checkpoint)
    assert again.notes == []
    found = finish(again)
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)
    assert again.losses == through.losses
    assert again.curve == through.curve
    assert (again.choice.step, again.choice.value) == (through.choice.step, through.choice.value)
    assert (again.resumed, again.totals.tokens) == (1, through.totals.tokens)


def test_a_run_that_was_stopped_early_stays_stopped(opened: Callable[..., Session]) -> None:
    training = {"early_stopping": 1, "evaluate_every": 1, "checkpoint_every": 1, "epochs": 4}
    through = opened(**training)
    list(train(through))
    assert through.step < through.timetable.steps
    again = opened(**training)
    restore(again, stop(opened(**training), through.step))
    assert again.finished


def test_the_checkpoint_says_where_in_the_data_it_is(opened: Callable[..., Session]) -> None:
    session = opened()
    session.step = 11
    state = capture(session, events=7).state
    assert (state["epoch"], state["batch"], state["events"]) == (1, 3, 7)
    json.dumps(state, allow_nan=False)


def test_another_recipe_is_refused_by_field(make_recipe: Callable[..., Recipe]) -> None:
    before = make_recipe().to_mapping()
    refuse_other_recipe(before, make_recipe())
    now = make_recipe(learning_rate=2e-2, adapter={"rank": 4})
    with pytest.raises(CheckpointError) as caught:
        refuse_other_recipe(before, now)
    told = str(caught.value)
    assert "training.learning_rate was 0.01 and is 0.02" in told
    assert "adapter.rank was 2 and is 4" in told
    assert len(caught.value.facts["fields"]) == 2
    with pytest.raises(CheckpointError, match=r"frozen_a was left out and is True"):
        refuse_other_recipe(before, make_recipe(frozen_a=True))


@pytest.mark.parametrize(("name", "told"), [("base", "the base's weights"), ("data", "the data")])
def test_other_inputs_are_refused_by_name(
    opened: Callable[..., Session], name: str, told: str
) -> None:
    checkpoint = capture(opened())
    checkpoint.state["inputs"][name] = "sha256:0"
    with pytest.raises(CheckpointError, match=f"{told} changed since"):
        restore(opened(), checkpoint)


def test_another_machine_is_said(opened: Callable[..., Session]) -> None:
    checkpoint = capture(opened())
    checkpoint.state["machine"]["threads"] = "64"
    session = opened()
    restore(session, checkpoint)
    (note,) = session.notes
    assert "begun with threads 64" in note


@pytest.mark.parametrize("part", ["weight/classifier.bias", "random/cpu"])
def test_tensors_that_do_not_fit_are_a_checkpoint_error(
    opened: Callable[..., Session], part: str
) -> None:
    checkpoint = capture(opened())
    del checkpoint.tensors[part]
    with pytest.raises(CheckpointError, match="does not fit the model"):
        restore(opened(), checkpoint)


def test_other_data_give_other_inputs(make_recipe: Callable[..., Recipe]) -> None:
    first = capture(open_session(build(make_recipe()))).state["inputs"]
    shorter = capture(open_session(build(make_recipe(max_length=5)))).state["inputs"]
    fewer = capture(open_session(build(make_recipe(task={"limit": 50})))).state["inputs"]
    assert first["base"] == shorter["base"] == fewer["base"]
    assert first["data"] == shorter["data"] != fewer["data"]
    assert len({first["encoded"], shorter["encoded"], fewer["encoded"]}) == 3


@pytest.mark.parametrize("step", [1, 5, 9])
@pytest.mark.parametrize(
    "training",
    [
        {"packing": True, "micro_batch_size": 4, "label_smoothing": 0.1, "select": "best"},
        {"kind": "gpt2", "form": "talks", "adapter": {"dropout": 0.3}},
        {"form": "text", "method": "full", "gradient_checkpointing": True},
    ],
    ids=lambda training: "-".join(training),
)
def test_a_causal_run_resumed_is_never_stopped_to_the_bit(
    make_causal: Callable[..., Recipe], training: dict[str, Any], step: int
) -> None:
    recipe = make_causal(**training, checkpoint_every=1)
    through = open_session(build(recipe))
    wanted = finish(through)
    checkpoint = stop(open_session(build(recipe)), step)
    again = open_session(build(recipe))
    restore(again, checkpoint)
    found = finish(again)
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)
    assert (again.losses, again.curve) == (through.losses, through.curve)
    assert (again.choice.step, again.choice.value) == (through.choice.step, through.choice.value)


def test_other_targets_are_other_tokens(make_causal: Callable[..., Recipe]) -> None:
    checkpoint = stop(open_session(build(make_causal(checkpoint_every=1))), 1)
    again = open_session(build(make_causal(checkpoint_every=1)))
    assert again.build.train.targets is not None
    again.build.train.targets[0][-1] = -100
    with pytest.raises(CheckpointError, match="the tokens changed since"):
        restore(again, checkpoint)
