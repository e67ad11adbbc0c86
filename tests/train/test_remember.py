from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import pytest
import torch

from verilora.records.events import Evaluating, Stepped
from verilora.records.recipe import Recipe
from verilora.train import loop
from verilora.train.build import build
from verilora.train.evaluate import evaluate
from verilora.train.loop import train
from verilora.train.remember import remember
from verilora.train.session import Session


def drain(stages: Generator[Any, None, bool]) -> tuple[list[Any], bool]:
    told = []
    while True:
        try:
            told.append(next(stages))
        except StopIteration as stop:
            return told, stop.value


def losses(session: Session) -> list[float]:
    return [event.loss for event in train(session) if isinstance(event, Stepped)]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_training_on_kept_answers_is_training_on_the_base(
    opened: Callable[..., Session], monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    options = {"method": "head", "epochs": 4, "precision": precision}
    kept = opened(**options)
    found = losses(kept)
    assert len(kept.build.recall.kept) == 2
    monkeypatch.setattr(loop, "_asks_often", lambda session: False)
    plain = opened(**options)
    wanted = losses(plain)
    assert plain.build.recall.kept == []
    tolerance = 1e-5 if precision == "float32" else 0.02
    assert found == pytest.approx(wanted, rel=tolerance)
    for name, parameter in kept.trained.items():
        torch.testing.assert_close(parameter, plain.trained[name], rtol=tolerance, atol=tolerance)


def test_the_base_is_asked_once_about_each_example(opened: Callable[..., Session]) -> None:
    session = opened(method="head", epochs=5)
    rows = 0

    def count(_: Any, inputs: tuple[torch.Tensor, ...], __: Any) -> None:
        nonlocal rows
        rows += len(inputs[0])

    session.build.model.bert.encoder.layer[0].register_forward_hook(count)
    list(train(session))
    assert rows == 60 + 24


def test_an_evaluation_from_kept_answers_is_the_same_to_the_bit(
    make_recipe: Callable[..., Recipe],
) -> None:
    made = build(make_recipe(method="head"))
    plain = evaluate(made)
    told, kept = drain(remember(made, made.validation))
    assert kept
    assert told == [Evaluating(1, 1)]
    assert evaluate(made).scores == plain.scores


def test_runs_that_ask_once_and_runs_that_train_the_base_keep_nothing(
    opened: Callable[..., Session],
) -> None:
    for options in ({"method": "head", "epochs": 1}, {"method": "lora"}, {"method": "full"}):
        session = opened(**options)
        list(train(session))
        assert session.build.recall.kept == []


def test_a_head_that_reads_more_is_given_more(make_recipe: Callable[..., Recipe]) -> None:
    made = build(make_recipe(method="head"))
    base = made.model.bert

    def mean(input_ids: torch.Tensor, attention_mask: torch.Tensor, **_: Any) -> Any:
        said = base(input_ids=input_ids, attention_mask=attention_mask)
        said.logits = made.model.classifier(said.last_hidden_state.mean(1))
        return said

    made.model.forward = mean
    told, kept = drain(remember(made, made.train))
    assert (told, kept) == ([], False)
    assert made.recall.kept == []


def test_a_head_that_looks_for_the_end_is_given_all(
    make_recipe: Callable[..., Recipe],
) -> None:
    made = build(make_recipe(method="head"))
    base = made.model.bert

    def last(input_ids: torch.Tensor, **_: Any) -> Any:
        said = base(input_ids=input_ids)
        said.logits = made.model.classifier(said.last_hidden_state[:, input_ids.shape[1] - 1])
        return said

    made.model.forward = last
    assert drain(remember(made, made.train)) == ([], False)
