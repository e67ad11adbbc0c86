"""Evaluation: what came out when a model was asked about a set of examples."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import TypeVar

from torch import nn

from verilora.data.metrics import Tally
from verilora.records.events import Evaluating, Event

Listen = Callable[[Event], None]
Result = TypeVar("Result")


@dataclass(frozen=True)
class TextAnswer:
    """What a causal language model made of one example."""

    id: str
    tally: Tally
    generated: str | None = None
    """What it wrote after the example's prompt, where it was asked to."""


@dataclass(frozen=True)
class Evaluation:
    """What a model says about a set of examples, in the order of the set."""

    loss: float
    """Mean over the examples; of a causal language model over their target tokens."""
    predictions: list[int] | list[float]
    """Class numbers, or values of a regression."""
    scores: list[list[float]]
    """Logits: one number per class."""
    metrics: dict[str, float]
    """By the task's metric names, each in its unit (`data.tasks.METRICS`)."""
    seconds: float
    texts: tuple[TextAnswer, ...] = ()
    """Of a causal language model, which gives neither predictions nor scores."""


@contextlib.contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Dropout is off while inside; afterwards every module is in the mode that it was in."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def heard(stages: Generator[Evaluating, None, Result], listen: Listen | None) -> Result:
    """What the stages come to; `listen` hears of each."""
    while True:
        try:
            event = next(stages)
        except StopIteration as stop:
            return stop.value
        if listen is not None:
            listen(event)
