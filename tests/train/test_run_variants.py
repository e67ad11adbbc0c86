"""Every start, weight rule, bias and choice of the optimiser in a whole run: exact again, resumed,
and read from its directory."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from verilora.lora.formats import load_adapter
from verilora.records.recipe import Recipe
from verilora.train.build import build
from verilora.train.checkpoint import Checkpoint
from verilora.train.evaluate import evaluate
from verilora.train.loading import load_model
from verilora.train.loop import train
from verilora.train.material import gather
from verilora.train.resume import capture, restore
from verilora.train.run import run
from verilora.train.session import Session

VARIANTS: dict[str, dict[str, Any]] = {
    "orthogonal": {"adapter": {"init": "orthogonal", "scale_rule": "rslora"}},
    "pissa": {"adapter": {"init": "pissa", "dropout": 0.2}},
    "olora": {"adapter": {"init": "olora", "bias": "lora_only"}},
    "loftq": {"adapter": {"init": "loftq", "loftq_rounds": 2}},
    "eva": {"adapter": {"init": "eva", "bias": "all"}},
    "dora": {"adapter": {"weight_rule": "dora", "dropout": 0.2}},
    "pissa-dora": {"adapter": {"weight_rule": "dora", "init": "pissa"}},
    "lora+": {"learning_rate_ratio": 4.0},
    "lora-fa": {"frozen_a": True},
    "all": {
        "adapter": {"weight_rule": "dora", "init": "eva", "scale_rule": "rslora", "bias": "all"},
        "learning_rate_ratio": 2.0,
        "frozen_a": True,
    },
}


@pytest.mark.parametrize("name", VARIANTS)
def test_what_was_trained_is_what_the_directory_gives(
    make_recipe: Callable[..., Recipe], name: str, tmp_path: Path
) -> None:
    recipe = make_recipe(**VARIANTS[name], epochs=1)
    made = run(recipe, tmp_path / "run")
    material = gather(recipe)
    model, _ = load_model(material, torch.device("cpu"))
    load_adapter(model, tmp_path / "run" / "adapter")
    held = build(recipe, material=material)
    object.__setattr__(held, "model", model)
    found = evaluate(held)
    recorded = {name: metric.value for name, metric in made.metrics.items()}
    assert {**found.metrics, "loss": found.loss} == recorded


@pytest.mark.parametrize("name", VARIANTS)
def test_resumed_is_never_stopped_to_the_bit(opened: Callable[..., Session], name: str) -> None:
    training = {"checkpoint_every": 1, "max_steps": 5, **VARIANTS[name]}
    through = opened(**training)
    kept: list[Checkpoint] = []

    def save(session: Session) -> None:
        if session.step == 2:
            found = capture(session, seconds=1.0)
            tensors = {name: value.clone() for name, value in found.tensors.items()}
            kept.append(Checkpoint(2, tensors, json.loads(json.dumps(found.state))))

    list(train(through, save=save))
    again = opened(**training)
    restore(again, kept[0])
    list(train(again))
    for name_, parameter in through.trained.items():
        assert torch.equal(parameter, again.trained[name_]), name_
    assert again.losses == through.losses
