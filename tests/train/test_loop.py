from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from verilora.records.events import (
    Checkpointed,
    Evaluated,
    Event,
    Noted,
    SelfChecked,
    Started,
    Stepped,
    Stopped,
)
from verilora.train.evaluate import Evaluation, evaluate
from verilora.train.loop import hand_over, train
from verilora.train.session import Session


def of(events: list[Event], kind: type[Event]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def test_a_run_is_told_from_start_to_stop(
    opened: Callable[..., Session], capfd: pytest.CaptureFixture[str]
) -> None:
    session = opened()
    events = list(train(session))
    assert isinstance(events[0], Started)
    assert (events[0].steps, events[0].trainable) == (16, 290)
    assert "classifier" in of(events, Noted)[0].text
    assert [event.step for event in of(events, Stepped)] == list(range(1, 17))
    assert [event.step for event in of(events, SelfChecked)] == [3]
    assert [event.step for event in of(events, Evaluated)] == [8, 16]
    assert events[-1] == Stopped(16, "finished")
    assert all(event.to_line() for event in events)
    assert capfd.readouterr() == ("", "")


def test_steps_tell_what_they_saw(opened: Callable[..., Session]) -> None:
    session = opened(epochs=1)
    steps = of(list(train(session)), Stepped)
    assert sum(step.tokens for step in steps) == sum(session.build.train.lengths)
    assert all(step.padded_tokens >= step.tokens > 0 for step in steps)
    assert session.totals.tokens == sum(step.tokens for step in steps)
    assert session.totals.examples == 60
    assert session.losses == [step.loss for step in steps]
    assert steps[-1].epoch == 1.0
    rates = [step.learning_rate for step in steps]
    assert rates == sorted(rates[:1]) + sorted(rates[1:], reverse=True)


@pytest.mark.parametrize("method", ["lora", "full"])
def test_training_learns(opened: Callable[..., Session], method: str) -> None:
    session = opened(method=method, epochs=25, evaluate_every=1000)
    (before,) = [evaluate(session.build).metrics["accuracy"]]
    list(train(session))
    assert sum(session.losses[-8:]) < 0.5 * sum(session.losses[:8])
    assert evaluate(session.build).metrics["accuracy"] > max(before, 60) + 15


def test_a_regression_learns(
    regression: Callable[..., Any], open_recipe: Callable[..., Session]
) -> None:
    session = open_recipe(
        regression(method="full", epochs=25, evaluate_every=1000, learning_rate=5e-3)
    )
    list(train(session))
    assert sum(session.losses[-8:]) < 0.4 * sum(session.losses[:8])
    assert evaluate(session.build).metrics["pearson"] > 50


def test_the_same_recipe_gives_the_same_losses_whatever_the_listener_draws(
    opened: Callable[..., Session],
) -> None:
    losses = []
    for draws in (0, 5):
        session = opened(adapter={"dropout": 0.2})
        for _ in train(session):
            torch.rand(draws)
        losses.append(session.losses)
    assert losses[0] == losses[1]
    other = opened(adapter={"dropout": 0.2}, seed=1)
    list(train(other))
    assert other.losses != losses[0]


def test_the_global_random_state_is_as_it_was_between_events(
    opened: Callable[..., Session],
) -> None:
    session = opened(max_steps=4)
    before = torch.get_rng_state()
    for _ in train(session):
        assert torch.equal(torch.get_rng_state(), before)


def test_dropout_is_at_work(opened: Callable[..., Session]) -> None:
    first, second = opened(max_steps=1, seed=0), opened(max_steps=1, seed=0)
    second.stream = type(second.stream)(99, torch.device("cpu"))
    list(train(first))
    list(train(second))
    assert first.losses != second.losses


def with_metrics(monkeypatch: pytest.MonkeyPatch, values: list[float]) -> None:
    """Evaluations that measure what they are told to."""
    told = iter(values)

    def evaluating(build: Any) -> Any:
        yield from ()
        return Evaluation(0.5, [], [], {"accuracy": next(told), "f1": 0.0}, 0.1)

    monkeypatch.setattr("verilora.train.loop.evaluating", evaluating)


def weights(session: Session) -> list[torch.Tensor]:
    return [p.detach().clone() for p in session.trained.values()]


def test_the_best_weights_are_handed_over(
    opened: Callable[..., Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    with_metrics(monkeypatch, [50.0, 70.0, 60.0, 70.0])
    session = opened(select="best", epochs=1, evaluate_every=2)
    kept = {}
    for event in train(session):
        if isinstance(event, Evaluated):
            kept[event.step] = weights(session)
            assert event.best == (event.step in (2, 4))
    assert session.choice.step == 4
    assert hand_over(session)
    assert all(map(torch.equal, weights(session), kept[4]))
    assert not all(map(torch.equal, weights(session), kept[8]))


def test_the_last_weights_are_handed_over_if_asked_for(
    opened: Callable[..., Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    with_metrics(monkeypatch, [70.0, 50.0])
    session = opened(select="last")
    list(train(session))
    kept = weights(session)
    assert not hand_over(session)
    assert all(map(torch.equal, weights(session), kept))
    assert session.choice.weights == {}


def test_early_stopping_ends_the_run(
    opened: Callable[..., Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    with_metrics(monkeypatch, [50.0, 70.0, 60.0, 70.0, 99.0])
    session = opened(early_stopping=2, epochs=9, evaluate_every=2)
    events = list(train(session))
    assert events[-1] == Stopped(8, "early-stopping")


def test_checkpoints_are_saved_where_they_are_due(opened: Callable[..., Session]) -> None:
    session = opened(epochs=1, checkpoint_every=3)
    saved: list[int] = []
    events = list(train(session, save=lambda s: saved.append(s.step)))
    assert saved == [3, 6]
    assert [event.step for event in of(events, Checkpointed)] == [3, 6]
    assert of(list(train(opened(epochs=1))), Checkpointed) == []
