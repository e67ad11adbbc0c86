"""How far long work is: a moving bar where there is a terminal, nothing elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from verilora.cli.terminal import Terminal, console

FEWEST = 500
"""Pieces of quick work below which no bar is drawn."""


@contextmanager
def counted(
    terminal: Terminal, title: str, *, total: int, fewest: int = FEWEST
) -> Iterator[Callable[[int], None]]:
    """Gives a function that is told how many pieces of `total` are done."""
    if total < fewest or not terminal.draws:
        yield lambda done: None
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, TimeRemainingColumn(), console=console(stderr=True), transient=True
    ) as bars:
        task = bars.add_task(title, total=total)
        yield lambda done: bars.update(task, completed=done)
