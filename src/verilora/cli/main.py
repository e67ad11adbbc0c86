"""The door: `verilora`. Parses, calls one function, prints; alone says errors and exits.

Exit status: 0 done, 1 failed, 2 not understood, 130 interrupted. Nothing heavy is imported
before a command runs, so that `verilora --help` answers at once.
"""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

from verilora import __version__
from verilora.cli import (
    adapters,
    anchors,
    cite,
    claim,
    combine,
    convert,
    demo,
    doctor,
    generate,
    judge,
    keys,
    plan,
    push,
    recipes,
    registry,
    reproduce,
    runs,
    sign,
    verify,
    web,
)
from verilora.cli.command import Debug, Quiet
from verilora.cli.terminal import Interrupted
from verilora.errors import VeriloraError

DONE, FAILED, INTERRUPTED = 0, 1, 130

app = typer.Typer(
    help="LoRA adapters whose results anyone can check. Begin with: verilora demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 96},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"verilora {__version__}")
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
]


@app.callback()
def _everywhere(*, quiet: Quiet = False, debug: Debug = False, version: Version = False) -> None:
    """Options before the command hold for every command."""


for group in (
    *(demo, runs, adapters, convert, combine, generate, push),
    *(reproduce, plan, judge, recipes, anchors, doctor),
    *(claim, cite, keys, sign, verify, registry, web),
):
    group.register(app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit status; the console script `verilora`."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    # Read when torch is first imported. Threads that wait asleep leave a busy machine's cores to
    # those that work: spinning ones made a run there many times slower, and an idle one no faster.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    _write_any_letter()
    try:
        app(given, prog_name="verilora")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else FAILED
    except Interrupted as stopped:
        _say(f"\ninterrupted; {stopped}")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone (`| head`): nothing is left to say it to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        _report(error, debug="--debug" in given)
        return FAILED
    return DONE


def _write_any_letter() -> None:
    """A terminal without ‖ and Δ gets a question mark, not an error at the end of a run."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _report(error: Exception, *, debug: bool) -> None:
    if debug:
        traceback.print_exception(error)
    elif isinstance(error, VeriloraError):
        _say(f"verilora: {error}")
    else:
        first = (str(error).strip().splitlines() or [""])[0]
        _say(
            f"verilora: an error that was not foreseen: {type(error).__name__}: {first}\n"
            "The same command with --debug shows where."
        )


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
