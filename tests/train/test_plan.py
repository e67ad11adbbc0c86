from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from verilora.errors import TargetError
from verilora.records.events import Stepped
from verilora.records.recipe import Recipe
from verilora.train import plan as module
from verilora.train.build import build, count_parameters
from verilora.train.loop import train
from verilora.train.plan import plan
from verilora.train.session import open_session

Make = Callable[..., Recipe]


@pytest.mark.parametrize(
    "options",
    [{}, {"max_steps": 5}, {"micro_batch_size": 4, "epochs": 1.5}, {"precision": "bfloat16"}],
)
def test_steps_and_tokens_are_those_of_the_run(make_recipe: Make, options: dict) -> None:
    recipe = make_recipe(**options)
    session = open_session(build(recipe))
    steps = [event for event in train(session) if isinstance(event, Stepped)]
    planned = plan(recipe)
    assert planned.steps == len(steps)
    assert planned.tokens == sum(step.tokens for step in steps)
    assert planned.padded_tokens == sum(step.padded_tokens for step in steps)
    assert planned.epochs == steps[-1].epoch
    assert planned.parameters == count_parameters(session.build.model, session.build.head)
    longest = max(session.build.train.lengths)
    assert planned.largest.tokens <= longest + 7
    assert planned.largest.rows <= (options.get("micro_batch_size") or 8)


def test_the_padding_of_later_epochs_is_that_of_the_first(make_recipe: Make) -> None:
    three, thirty = plan(make_recipe(epochs=3)), plan(make_recipe(epochs=30))
    assert thirty.tokens == 10 * three.tokens
    assert thirty.padded_tokens == pytest.approx(10 * three.padded_tokens, abs=1)


def test_no_weight_is_read(make_recipe: Make, base: Path, tmp_path: Path) -> None:
    for path in base.iterdir():
        if path.suffix != ".safetensors":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    without = make_recipe().replace(model={"id": str(tmp_path)})
    assert plan(without).memory == plan(make_recipe()).memory


def test_a_pace_gives_a_time(make_recipe: Make) -> None:
    assert plan(make_recipe()).seconds is None
    planned = plan(make_recipe(), tokens_per_second=100.0)
    assert planned.seconds == planned.padded_tokens / 100
    assert "training time" in str(planned)


def test_it_is_told_as_a_table_and_as_data(make_recipe: Make) -> None:
    planned = plan(make_recipe())
    text = str(planned)
    for part in ("16 (2 epochs)", "290 (4.86%)", "256", "memory at the peak", "8 x "):
        assert part in text
    mapping = json.loads(json.dumps(planned.to_mapping()))
    assert mapping["parameters"] == {"total": 5970, "trainable": 290, "adapter": 256, "head": 34}
    assert mapping["memory"]["peak"] == planned.memory.peak
    assert mapping["largest"] == {"rows": planned.largest.rows, "tokens": planned.largest.tokens}


def test_faults_of_the_recipe_are_found_before_the_run(make_recipe: Make) -> None:
    with pytest.raises(TargetError):
        plan(make_recipe(adapter={"target_modules": ["nothing"]}))


def test_a_base_that_cannot_be_traced_without_contents_is_traced_with_them(
    make_recipe: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = plan(make_recipe())
    tried = []

    def choosy(material: Any, *, contents: bool, **options: Any) -> Any:
        tried.append(contents)
        if not contents:
            raise RuntimeError("what is the value of this tensor?")
        return real(material, contents=contents, **options)

    real = module.forecast
    monkeypatch.setattr(module, "forecast", choosy)
    found = plan(make_recipe())
    assert tried == [False, True]
    assert found.parameters == wanted.parameters
    assert found.memory.peak == pytest.approx(wanted.memory.peak, rel=0.05)
