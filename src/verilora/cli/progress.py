"""Draws the events of a run: moving bars on a terminal, else a plain line now and then."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from verilora.cli.terminal import Terminal, console
from verilora.records.events import (
    Evaluated,
    Evaluating,
    Event,
    Noted,
    SelfChecked,
    Started,
    Stepped,
    Stopped,
)

Listen = Callable[[Event], None]
Hear = Callable[[str, Event], None]
"""A run's name and its event."""
LINE_SECONDS = 30.0
"""Off a terminal, a step is told only if nothing was said for so long."""


@contextmanager
def drawn(terminal: Terminal, title: str) -> Iterator[Listen | None]:
    """Gives a function that draws each event of one run on stderr; None with --quiet."""
    if terminal.quiet:
        yield None
    elif terminal.draws:
        with Bars(title) as bars:
            yield bars.listen
    else:
        yield Lines(title, terminal.note).listen


@contextmanager
def drawn_together(terminal: Terminal) -> Iterator[Hear | None]:
    """As `drawn`, for several runs at once: a function of a run's name and each of its events."""
    if terminal.quiet:
        yield None
    elif terminal.draws:
        with BarsTogether() as bars:
            yield bars.listen
    else:
        yield LinesTogether(terminal.note).listen


class Reading:
    """What the last events said: a smoothed loss, the latest main metric, tokens a second."""

    def __init__(self) -> None:
        self._loss: float | None = None
        self._metric = ""
        self._tokens = self._seconds = 0.0

    def take(self, event: Event) -> None:
        """Reads one event."""
        if isinstance(event, Stepped):
            before = event.loss if self._loss is None else self._loss
            self._loss = 0.9 * before + 0.1 * event.loss
            # Both fade, so that the rate is that of the last twenty steps or so.
            self._tokens = 0.95 * self._tokens + event.tokens
            self._seconds = 0.95 * self._seconds + event.seconds
        elif isinstance(event, Evaluated):
            name, value = next(iter(event.metrics.items()))
            self._metric = f"{name} {value:.1f}"

    def __str__(self) -> str:
        parts = [] if self._loss is None else [f"loss {self._loss:.3f}"]
        parts += [self._metric] if self._metric else []
        parts += [f"{self._tokens / self._seconds:,.0f} tokens/s"] if self._seconds else []
        return "  ".join(parts)


class Bars:
    """One bar for the steps of a run, and one below it while an evaluation is on its way."""

    def __init__(self, title: str, progress: Any = None) -> None:
        self._title, self._reading = title, Reading()
        self._owner = f"{title}: " if progress else ""
        self._progress = progress or _progress()
        self._steps = self._add(title, told="preparing")
        self._evaluation = self._add("evaluating", visible=False)

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.update(self._evaluation, visible=False)
        self._progress.stop()

    def listen(self, event: Event) -> None:
        """Draws one event."""
        self._reading.take(event)
        if isinstance(event, Noted):
            self._say(f"note: {event.text}")
        elif isinstance(event, Evaluating):
            self._evaluating(event)
        elif isinstance(event, Started):
            # A resumed run starts in the middle; the time left is told by the steps taken now.
            self._progress.reset(self._steps, total=event.steps, completed=event.step)
            self._progress.update(self._steps, clock="left")
        elif isinstance(event, Stepped):
            self._progress.update(self._steps, completed=event.step, told=str(self._reading))
        elif isinstance(event, Evaluated):
            self._progress.update(self._evaluation, visible=False)
            self._progress.update(self._steps, told=str(self._reading))
        elif isinstance(event, Stopped):
            self._stopped(event)

    def _stopped(self, event: Stopped) -> None:
        self._progress.update(self._steps, total=event.step, clock="took")
        if event.reason != "finished":
            self._say(f"note: stopped at step {event.step}: {event.reason}")

    def _say(self, text: str) -> None:
        self._progress.console.print(self._owner + text, markup=False)

    def _add(self, title: str, told: str = "", *, visible: bool = True) -> Any:
        return self._progress.add_task(title, total=None, told=told, clock="", visible=visible)

    def _evaluating(self, event: Evaluating) -> None:
        self._progress.update(
            self._evaluation, visible=True, completed=event.done, total=event.total
        )


class BarsTogether:
    """The bars of several runs, one below the other; a run's appears with its first event."""

    def __init__(self) -> None:
        self._progress = _progress()
        self._runs: dict[str, Bars] = {}

    def __enter__(self) -> BarsTogether:
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def listen(self, name: str, event: Event) -> None:
        """Draws one event of a run."""
        if name not in self._runs:
            self._runs[name] = Bars(name, self._progress)
        self._runs[name].listen(event)


class LinesTogether:
    """The lines of several runs, each with its run's name."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._runs: dict[str, Lines] = {}

    def listen(self, name: str, event: Event) -> None:
        """Says what the event of a run is worth saying."""
        if name not in self._runs:
            self._runs[name] = Lines(name, self._say)
        self._runs[name].listen(event)


class Lines:
    """A line for each evaluation, and for a step after a long silence."""

    def __init__(self, title: str, say: Callable[[str], None]) -> None:
        self._title, self._say, self._reading = title, say, Reading()
        self._steps, self._spoke = 0, 0.0

    def listen(self, event: Event) -> None:
        """Says what the event is worth saying."""
        self._reading.take(event)
        if isinstance(event, Started):
            self._steps = event.steps
            self._tell(
                f"{event.steps - event.step:,} steps, "
                f"{event.trainable:,} of {event.total:,} parameters trained"
            )
        elif isinstance(event, Noted):
            self._tell(f"note: {event.text}")
        elif isinstance(event, SelfChecked):
            self._tell(f"self-check passed after step {event.step}: {', '.join(event.checks)}")
        elif isinstance(event, Evaluated) or (isinstance(event, Stepped) and self._silent()):
            self._tell(f"step {event.step} of {self._steps}: {self._reading}")
        elif isinstance(event, Stopped) and event.reason != "finished":
            self._tell(f"stopped at step {event.step}: {event.reason}")

    def _silent(self) -> bool:
        return time.monotonic() - self._spoke > LINE_SECONDS

    def _tell(self, text: str) -> None:
        self._spoke = time.monotonic()
        self._say(f"{self._title}: {text}")


def _progress() -> Any:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[clock]}", markup=False),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
        TextColumn("{task.fields[told]}", markup=False),
        console=console(stderr=True),
    )
