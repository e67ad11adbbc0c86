"""The door itself: exit status, sentences instead of tracebacks, help that comes at once."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import typer

from verilora import __version__
from verilora.cli import main as door
from verilora.cli.terminal import Interrupted
from verilora.errors import ConfigError, VeriloraError

COMMANDS = {"demo", "train", "evaluate", "explain", "merge", "plan", "recipes", "doctor"}
COMMANDS |= {"anchors", "judge", "reproduce", "keys", "sign", "verify"}
COMMANDS |= {"claim", "cite", "registry", "serve"}
COMMANDS |= {"convert", "combine", "generate", "push"}


def leaves(command, path=()):
    inner = getattr(command, "commands", None)
    if inner is None:
        return [path]
    return [leaf for name, child in inner.items() for leaf in leaves(child, (*path, name))]


LEAVES = leaves(typer.main.get_command(door.app))


def test_the_commands_are_those_promised():
    assert {path[0] for path in LEAVES} == COMMANDS


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_help_has_an_example_and_the_shared_options(verilora, path):
    told = verilora(*path, "--help")
    assert told.status == 0
    assert f"Usage: verilora {' '.join(path)}" in told.out
    assert f"  verilora {' '.join(path)}" in told.out.split("Example", 1)[1]
    for option in ("--json", "--quiet", "--debug"):
        assert option in told.out


def test_the_list_of_commands_is_not_cut_off(verilora):
    told = verilora("--help")
    assert told.status == 0
    assert "..." not in told.out.split("Commands:")[1]
    for name in COMMANDS:
        assert f"\n  {name} " in told.out


def test_help_and_version_import_nothing_heavy():
    heavy = ["torch", "transformers", "matplotlib", "pydantic", "numpy", "datasets", "rich"]
    code = (
        "import sys; from verilora.cli.main import main; main(['--help']); main(['--version']);"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert told.endswith(f"verilora {__version__}\n[]\n")


def test_python_dash_m_is_the_same_door():
    told = subprocess.run(
        [sys.executable, "-m", "verilora", "--version"], capture_output=True, text=True, check=True
    )
    assert told.stdout == f"verilora {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["trian"], "No such command 'trian'. Did you mean 'train'?"),
        (["train"], "Missing argument 'RECIPE'"),
        (["train", "x", "--otu", "y"], "--out"),
        (["demo", "--seeds", "a"], "'a' found; whole numbers from 0"),
        (["demo", "--seeds", "1,1"], "each once"),
    ],
)
def test_what_is_not_understood_exits_with_2(verilora, arguments, said):
    told = verilora(*arguments)
    assert told.status == 2
    assert said in told.err
    assert "Traceback" not in told.err
    assert told.out == ""


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (VeriloraError("no such thing; give another"), 1, "verilora: no such thing; give another"),
        (ConfigError("LoraConfig", ["a", "b"]), 1, "LoraConfig: 2 faults\n  - a\n  - b\n"),
        (Interrupted("go on with: x"), 130, "interrupted; go on with: x"),
        (
            ValueError("odd\nmore"),
            1,
            "not foreseen: ValueError: odd\nThe same command with --debug",
        ),
    ],
)
def test_errors_become_sentences(verilora, monkeypatch, error, status, said):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(door, "app", fail)
    told = verilora("train", "x")
    assert told.status == status
    assert said in told.err
    assert "Traceback" not in told.err
    assert told.out == ""


def test_debug_shows_the_traceback(verilora, monkeypatch):
    def fail(*_, **__):
        raise VeriloraError("no such thing")

    monkeypatch.setattr(door, "app", fail)
    told = verilora("train", "x", "--debug")
    assert told.status == 1
    assert "Traceback (most recent call last)" in told.err
    assert told.err.endswith("verilora.errors.VeriloraError: no such thing\n")


def test_a_terminal_without_our_letters_gets_others():
    code = (
        "import sys\n"
        "from verilora.cli import main\n"
        "from verilora.cli.terminal import Terminal\n"
        "main.app.command('sign')(lambda: Terminal().tell('|ΔW|', mapping={}))\n"
        "sys.exit(main.main(['sign']))\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == "|?W|\n"


def test_a_reader_that_goes_away_is_no_error():
    code = (
        "import sys\n"
        "from verilora.cli import main\n"
        "from verilora.cli.terminal import Terminal\n"
        "many = lambda: [Terminal().tell('x' * 1000, mapping={}) for _ in range(1000)]\n"
        "main.app.command('pour')(many)\n"
        "sys.exit(main.main(['pour']))\n"
    )
    told = subprocess.run(
        ["/bin/sh", "-c", '"$0" -c "$1" | head -c 10', sys.executable, code],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == "x" * 10
    assert told.stderr == ""
