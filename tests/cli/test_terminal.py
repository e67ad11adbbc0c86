"""Results go to stdout, notes to stderr; quiet and JSON where asked."""

from __future__ import annotations

import json

import pytest

from verilora.cli.terminal import Terminal, console


def test_results_and_notes_go_their_ways(capsys):
    terminal = Terminal()
    terminal.note("on the way")
    terminal.tell("the result\n", mapping={"a": 1})
    out, err = capsys.readouterr()
    assert (out, err) == ("the result\n", "on the way\n")


def test_json_replaces_the_words_and_keeps_letters(capsys):
    Terminal(as_json=True).tell("words", mapping={"größe": [1, None]})
    out, _ = capsys.readouterr()
    assert json.loads(out) == {"größe": [1, None]}
    assert "größe" in out


def test_json_is_never_made_of_what_is_no_json():
    with pytest.raises(ValueError, match="not JSON compliant"):
        Terminal(as_json=True).tell("", mapping={"value": float("nan")})


def test_quiet_says_no_notes_but_the_result(capsys):
    terminal = Terminal(quiet=True)
    terminal.note("on the way")
    terminal.tell("the result", mapping={})
    assert capsys.readouterr() == ("the result\n", "")


def test_text_of_users_is_no_markup(capsys):
    console().print("[bold]not bold[/bold] :smile:")
    assert capsys.readouterr().out == "[bold]not bold[/bold] :smile:\n"
