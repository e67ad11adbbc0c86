"""How a function becomes a command: an example in its help, and --json, --quiet, --debug.

Typer reads signatures; each command's own options stand in its function, those that all have
are added here, so that `verilora train x --quiet` and `verilora --quiet train x` mean the same.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from verilora.cli.terminal import Interrupted, Terminal

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no notes.")]
Debug = Annotated[bool, typer.Option("--debug", help="On an error, show the whole traceback.")]


def command(
    app: typer.Typer, name: str, *, examples: str
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Registers `function(terminal, ...)` as the command `name`; its docstring is the help.

    `examples` are lines of shell, shown at the end of the help.
    """

    def register(function: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(function)
        def run(ctx: typer.Context, *, json: bool, quiet: bool, debug: bool, **given: Any) -> None:
            above = ctx.find_root().params
            terminal = Terminal(quiet=quiet or bool(above.get("quiet")), as_json=json)
            try:
                function(terminal, **given)
            except KeyboardInterrupt as error:
                raise Interrupted(terminal.resume or "nothing was changed") from error

        parameters = _parameters(function)
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        del run.__wrapped__
        app.command(name, help=_help(function, examples))(run)
        return function

    return register


def _parameters(function: Callable[..., None]) -> list[inspect.Parameter]:
    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    keyword = inspect.Parameter.KEYWORD_ONLY
    shared = {"json": Json, "quiet": Quiet, "debug": Debug}
    return [
        inspect.Parameter("ctx", keyword, annotation=typer.Context),
        *[item.replace(kind=keyword) for item in own],
        *[inspect.Parameter(n, keyword, annotation=a, default=False) for n, a in shared.items()],
    ]


def _help(function: Callable[..., None], examples: str) -> str:
    # \b keeps the lines below it as they are
    lines = "\n".join(f"  {line.strip()}" for line in examples.strip().splitlines())
    word = "Examples:" if "\n" in lines else "Example:"
    return f"{inspect.getdoc(function)}\n\n\b\n{word}\n{lines}"
