"""What is drawn of a run: bars on a terminal, lines elsewhere, nothing when quiet."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from verilora.cli import progress
from verilora.cli.progress import Bars, BarsTogether, Lines, Reading, drawn, drawn_together
from verilora.cli.terminal import Terminal
from verilora.records.events import (
    Evaluated,
    Evaluating,
    Noted,
    SelfChecked,
    Started,
    Stepped,
    Stopped,
)

STEPS = 20


def events(reason: str = "finished"):
    yield Started("mrpc", 0, STEPS, 0, 74_498, 22_787_714)
    yield Noted("3 texts were cut [bold]")
    for step in range(1, STEPS + 1):
        yield Stepped(step, step / STEPS, 0.6, 1e-3, 1.0, 500, 520, 0.1)
        if step == 3:
            yield SelfChecked(3, ("every adapter moved",))
        if step % 10 == 0:
            yield Evaluating(1, 2)
            yield Evaluating(2, 2)
            yield Evaluated(
                step, step / STEPS, 0.5, {"accuracy": 70.0 + step, "f1": 1.0}, True, 1.0
            )
    yield Stopped(STEPS, reason)


def test_lines_tell_each_evaluation_and_no_single_step():
    said = []
    lines = Lines("mrpc", said.append)
    for event in events("early-stopping"):
        lines.listen(event)
    assert said == [
        "mrpc: 20 steps, 74,498 of 22,787,714 parameters trained",
        "mrpc: note: 3 texts were cut [bold]",
        "mrpc: self-check passed after step 3: every adapter moved",
        "mrpc: step 10 of 20: loss 0.600  accuracy 80.0  5,000 tokens/s",
        "mrpc: step 20 of 20: loss 0.600  accuracy 90.0  5,000 tokens/s",
        "mrpc: stopped at step 20: early-stopping",
    ]


def test_a_long_silence_is_broken(monkeypatch):
    said, clock = [], iter(range(0, 10_000, 20))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    lines = Lines("mrpc", said.append)
    for step in range(1, 5):
        lines.listen(Stepped(step, step, 0.6, 1e-3, 1.0, 500, 520, 0.1))
    assert 1 <= len(said) < 4
    assert "loss 0.600" in said[0]


def test_the_reading_follows_the_speed_of_late():
    reading = Reading()
    for seconds in [10.0] + [0.1] * 200:
        reading.take(Stepped(1, 1, 0.6, 1e-3, 1.0, 500, 520, seconds))
    assert 4_990 < float(str(reading).split()[2].replace(",", "")) <= 5_000


def test_bars_show_loss_metric_speed_and_the_note(monkeypatch):
    stream = io.StringIO()
    drawing = Console(file=stream, force_terminal=True, width=120, markup=False, highlight=False)
    monkeypatch.setattr(progress, "console", lambda stderr: drawing)
    with Bars("mrpc [seed 0]") as bars:
        for event in events():
            bars.listen(event)
    text = stream.getvalue()
    for words in ("mrpc [seed 0]", "20/20", "loss 0.600", "accuracy 90.0", "5,000 tokens/s"):
        assert words in text
    assert "note: 3 texts were cut [bold]" in text
    assert "took" in text


def test_bars_stop_when_the_run_fails(monkeypatch):
    stream = io.StringIO()
    drawing = Console(file=stream, force_terminal=True, width=120)
    monkeypatch.setattr(progress, "console", lambda stderr: drawing)
    with pytest.raises(RuntimeError), Bars("mrpc"):
        raise RuntimeError
    assert stream.getvalue().endswith("\x1b[?25h")


@pytest.mark.parametrize("quiet", [True, False])
def test_off_a_terminal_there_are_lines_and_when_quiet_nothing(capsys, quiet):
    with drawn(Terminal(quiet=quiet), "mrpc") as listen:
        for event in events() if listen else ():
            listen(event)
    out, err = capsys.readouterr()
    assert out == ""
    assert (err == "") == quiet


def test_several_runs_have_a_bar_each_and_notes_say_whose(monkeypatch):
    stream = io.StringIO()
    drawing = Console(file=stream, force_terminal=True, width=120, markup=False, highlight=False)
    monkeypatch.setattr(progress, "console", lambda stderr: drawing)
    with BarsTogether() as bars:
        for one, other in zip(events(), events(), strict=True):
            bars.listen("lora, seed 0", one)
            bars.listen("full, seed 1", other)
    last = stream.getvalue().rsplit("lora, seed 0 ", 1)[1]
    assert "full, seed 1" in last
    assert last.count("20/20") == 2
    assert "full, seed 1: note: 3 texts were cut [bold]" in stream.getvalue()


@pytest.mark.parametrize("quiet", [True, False])
def test_several_runs_off_a_terminal(capsys, quiet):
    with drawn_together(Terminal(quiet=quiet)) as hear:
        for event in events() if hear else ():
            hear("seed 0", event)
            hear("seed 1", event)
    err = capsys.readouterr().err
    assert ("seed 1: step 20 of 20: loss 0.600" in err) != quiet
    assert (err == "") == quiet
