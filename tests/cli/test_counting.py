"""Bars for long work: on a terminal alone, and not for a little of it."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from verilora.cli import counting
from verilora.cli.counting import FEWEST, counted
from verilora.cli.terminal import Terminal


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What is drawn on a terminal."""
    stream = io.StringIO()
    made = Console(file=stream, force_terminal=True, width=100)
    monkeypatch.setattr(counting, "console", lambda stderr: made)
    monkeypatch.setattr(Terminal, "draws", property(lambda self: not self.quiet))
    return stream


def test_much_work_has_a_bar(drawn: io.StringIO) -> None:
    with counted(Terminal(), "adding [all]", total=FEWEST) as tell:
        tell(FEWEST - 1)
        tell(FEWEST)
    assert "adding [all]" in drawn.getvalue()
    assert f"{FEWEST}/{FEWEST}" in drawn.getvalue()


@pytest.mark.parametrize(("quiet", "total"), [(True, FEWEST), (False, FEWEST - 1)])
def test_little_work_and_quiet_work_have_none(drawn: io.StringIO, quiet: bool, total: int) -> None:
    with counted(Terminal(quiet=quiet), "adding", total=total) as tell:
        tell(1)
    assert drawn.getvalue() == ""
