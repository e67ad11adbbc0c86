"""The loop: a generator of events. It prints nothing, writes nothing and knows no file.

Stepping, evaluating, choosing, checking and saving lie elsewhere; here is only their order.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from torch import Tensor

from verilora.data.tasks import METRICS
from verilora.records.events import (
    Checkpointed,
    Evaluated,
    Event,
    Noted,
    Started,
    Stepped,
    Stopped,
)
from verilora.records.run import CurvePoint
from verilora.train.evaluate import evaluating
from verilora.train.remember import remember
from verilora.train.selfcheck import SelfCheck, verify_frozen
from verilora.train.session import Session
from verilora.train.step import take_step

Save = Callable[[Session], None]


def train(session: Session, *, save: Save | None = None) -> Iterator[Event]:
    """Trains from the session's step to the end; `save` is called where a checkpoint is due.

    Between two events the run's random state is put away: what the listener draws changes
    nothing. Raises TrainingError (loss or gradient not finite) and SelfCheckError.
    """
    yield from _opening(session)
    if _asks_often(session):
        yield from _remember(session)
    check = SelfCheck(session)
    while not session.finished:
        yield _step(session)
        if session.step == check.after:
            yield check.verify(session)
        if session.timetable.evaluation_due(session.step):
            yield from _evaluate(session)
        if save is not None and session.timetable.checkpoint_due(session.step):
            save(session)
            yield Checkpointed(session.step)
    verify_frozen(session)
    early = session.step < session.timetable.steps
    yield Stopped(session.step, "early-stopping" if early else "finished")


def hand_over(session: Session) -> bool:
    """Puts the chosen weights into the model; true if they are not those of the last step."""
    choice = session.choice
    if session.training.select == "last" or choice.step == session.step:
        return False
    load_weights(session, choice.weights)
    session.last = None
    return True


def load_weights(session: Session, weights: dict[str, Tensor]) -> None:
    """Copies the named values into the trained parameters."""
    for name, parameter in session.trained.items():
        parameter.data.copy_(weights[name])


def _opening(session: Session) -> Iterator[Event]:
    build = session.build
    yield Started(
        recipe=build.recipe.name,
        seed=session.training.seed,
        steps=session.timetable.steps,
        step=session.step,
        trainable=sum(p.numel() for p in session.trained.values()),
        total=sum(p.numel() for p in build.model.parameters()),
    )
    for text in session.notes:
        yield Noted(text)


def _asks_often(session: Session) -> bool:
    """True if a frozen base would be asked about the same examples again."""
    timetable = session.timetable
    again = timetable.steps > timetable.steps_per_epoch and not session.finished
    return again and session.training.method == "head"


def _remember(session: Session) -> Iterator[Event]:
    began = time.perf_counter()
    if (yield from remember(session.build, session.build.validation)):
        yield from remember(session.build, session.build.train)
    session.totals.train_seconds += time.perf_counter() - began


def _step(session: Session) -> Stepped:
    began = time.perf_counter()
    rate = session.training.learning_rate * session.factor(session.step)
    with session.stream:
        facts = take_step(session, session.timetable.batch(session.step))
    seconds = time.perf_counter() - began
    session.step += 1
    session.last = None
    session.losses.append(facts.loss)
    totals = session.totals
    totals.train_seconds += seconds
    totals.tokens += facts.tokens
    totals.examples += facts.examples
    return Stepped(
        step=session.step,
        epoch=session.timetable.epoch_after(session.step),
        loss=facts.loss,
        learning_rate=rate,
        gradient_norm=facts.gradient_norm,
        tokens=facts.tokens,
        padded_tokens=facts.padded_tokens,
        seconds=seconds,
    )


def _evaluate(session: Session) -> Iterator[Event]:
    evaluation = yield from evaluating(session.build)
    session.totals.evaluate_seconds += evaluation.seconds
    epoch = session.timetable.epoch_after(session.step)
    session.curve.append(
        CurvePoint(step=session.step, epoch=epoch, loss=evaluation.loss, metrics=evaluation.metrics)
    )
    name = session.build.task.metrics[0]
    lower = METRICS[name].lower_is_better
    value = evaluation.metrics[name]
    best = session.choice.consider(session.step, value, lower_is_better=lower)
    if best and session.training.select == "best":
        session.choice.weights = {n: p.detach().clone() for n, p in session.trained.items()}
    session.last = evaluation
    yield Evaluated(
        step=session.step,
        epoch=epoch,
        loss=evaluation.loss,
        metrics=evaluation.metrics,
        best=best,
        seconds=evaluation.seconds,
    )
