"""`convert`: an adapter in another program's form, proved; or what a program would refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from verilora.cli.command import command
from verilora.cli.terminal import Terminal
from verilora.errors import ConfigError

Source = Annotated[
    Path,
    typer.Argument(
        metavar="ADAPTER",
        show_default=False,
        help="A directory or file of PEFT, loralib, torchtune, litgpt or mlx-lm, or of a run.",
    ),
]
To = Annotated[
    str | None,
    typer.Option("--to", metavar="FORMAT", help="peft, loralib, torchtune, litgpt or mlx."),
]
Out = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="A new directory.")]
From = Annotated[
    str | None,
    typer.Option("--from", metavar="FORMAT", help="The form it is in, if it cannot be seen."),
]
Rank = Annotated[int | None, typer.Option("--rank", metavar="R", help="Its rank, to check.")]
Alpha = Annotated[
    float | None,
    typer.Option("--alpha", metavar="A", help="Its alpha, where the files lack it."),
]
Model = Annotated[
    str | None,
    typer.Option("--model", metavar="MODEL", help="Its base: sizes and heads are read, no weight."),
]
Parts = Annotated[
    str | None,
    typer.Option("--parts", metavar="q,v", help="Adapted parts of a fused projection."),
]
Uniform = Annotated[
    bool, typer.Option("--uniform", help="One rank and scale for all, also in PEFT's form.")
]
CheckFor = Annotated[
    str | None,
    typer.Option("--check", metavar="PROGRAM", help="vllm or llama.cpp: what it would refuse."),
]


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    command(
        app,
        "convert",
        examples="""
        verilora convert adapters/ --to peft --out adapter/
        verilora convert mnli.bin --to peft --alpha 8 --out adapter/
        verilora convert adapter/ --to torchtune --model meta-llama/Llama-3.2-1B --out tune/
        verilora convert adapter/ --check vllm
        """,
    )(convert)


def convert(
    terminal: Terminal,
    adapter: Source,
    *,
    to: To = None,
    out: Out = None,
    form: From = None,
    rank: Rank = None,
    alpha: Alpha = None,
    model: Model = None,
    parts: Parts = None,
    uniform: Uniform = False,
    check: CheckFor = None,
) -> None:
    """Write an adapter in another program's form.

    What was written is read again and every ΔW compared: equal to the bit, or within the bound
    of a rounding that is told. Else nothing is left behind. With --check nothing is written, and
    the exit status is 1 if the program would refuse the adapter or compute another answer.
    """
    if check is not None:
        tell_check(terminal, adapter, consumer=check)
        return
    if to is None or out is None:
        raise ConfigError("convert", ["say --to FORMAT and --out DIR, or --check PROGRAM"])
    from verilora.lora.formats.convert import convert as converted
    from verilora.lora.formats.dialect import Given

    given = Given(rank, alpha, _architecture(model), _parts(parts), uniform)
    found = converted(adapter, to, out=out, given=given, form=form)
    terminal.tell(str(found), mapping=found.to_mapping())


def tell_check(terminal: Terminal, adapter: Path, *, consumer: str) -> None:
    """Prints what a consumer would do; ends with status 1 if it would not serve the adapter."""
    from verilora.lora.formats.consumers import check_consumer

    found = check_consumer(adapter, consumer)
    terminal.tell(str(found), mapping=found.to_mapping())
    if not found.accepted:
        raise typer.Exit(1)


def _architecture(model: str | None) -> Any:
    if model is None:
        return None
    from verilora.lora.formats.architecture import read_architecture

    path = Path(model)
    if (path / "config.json").is_file() or path.is_file():
        return read_architecture(path)
    from verilora.cli.bases import located

    return read_architecture(located(model, option="--model", weights=False))


def _parts(given: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in given.split(",") if part.strip()) if given else ()
