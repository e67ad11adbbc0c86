"""Every command has its example and the options that all have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from verilora.cli.command import command
from verilora.cli.terminal import Interrupted, Terminal


@pytest.fixture
def app() -> typer.Typer:
    made = typer.Typer(rich_markup_mode=None, add_completion=False)

    @made.callback()
    def everywhere(*, quiet: bool = False) -> None:
        """Options for every command."""

    @command(made, "paint", examples="paint wall\npaint door --coats 2")
    def paint(
        terminal: Terminal,
        what: str,
        *,
        coats: Annotated[int, typer.Option("--coats")] = 1,
        out: Path | None = None,
    ) -> None:
        """Paint something."""
        if what == "sky":
            raise KeyboardInterrupt
        terminal.note("painting")
        terminal.tell(f"{what} {coats} {out}", mapping={"what": what, "coats": coats})

    return made


def test_help_shows_own_and_shared_options_and_the_examples_as_written(app):
    told = CliRunner().invoke(app, ["paint", "--help"])
    assert told.exit_code == 0
    for words in ("Paint something.", "--coats", "--json", "--quiet", "--debug"):
        assert words in told.stdout
    assert "Examples:\n    paint wall\n    paint door --coats 2\n" in told.stdout


@pytest.mark.parametrize("before", [[], ["--quiet"]])
@pytest.mark.parametrize("after", [[], ["--quiet"], ["--json"]])
def test_shared_options_work_before_and_after_the_command(app, before, after):
    told = CliRunner().invoke(app, [*before, "paint", "wall", "--coats", "3", *after])
    assert told.exit_code == 0
    assert ("painting" in told.stderr) == ("--quiet" not in before + after)
    assert ('"coats": 3' if after == ["--json"] else "wall 3 None") in told.stdout


def test_an_interrupt_becomes_a_sentence(app):
    told = CliRunner().invoke(app, ["paint", "sky"])
    assert isinstance(told.exception, Interrupted)
    assert str(told.exception) == "nothing was changed"


def test_the_function_stays_callable_by_itself(capsys):
    @command(typer.Typer(), "greet", examples="greet")
    def greet(terminal: Terminal) -> None:
        """Greet."""
        terminal.tell("hello", mapping={})

    greet(Terminal())
    assert capsys.readouterr().out == "hello\n"
