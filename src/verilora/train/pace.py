"""How fast this machine trains a recipe: a few real steps, timed, of which nothing is kept."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

from verilora.records.recipe import Recipe
from verilora.train.build import build
from verilora.train.material import gather
from verilora.train.run import thread_count
from verilora.train.session import Session, open_session
from verilora.train.step import take_step

STEPS = 6


def measure_pace(recipe: Recipe, *, steps: int = STEPS) -> float:
    """Tokens a second, padding included: the median of `steps` steps after the first.

    Loads the base and trains it for so many steps; writes nothing. Evaluations, which cost less
    than the same tokens in training, are not in it. Raises what `build` and `take_step` raise.
    """
    with thread_count(recipe.training.threads):
        session = open_session(build(recipe, material=gather(recipe)))
        paces = list(_paces(session, min(steps + 1, session.timetable.steps)))
    return statistics.median(paces[1:] or paces)


def _paces(session: Session, steps: int) -> Iterator[float]:
    for step in range(steps):
        began = time.perf_counter()
        facts = take_step(session, session.timetable.batch(step))
        yield facts.padded_tokens / (time.perf_counter() - began)
        session.step += 1
