"""`explain` and `merge`: what an adapter is, and a base with it inside."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from verilora.cli.command import command
from verilora.cli.convert import CheckFor, tell_check
from verilora.cli.terminal import Terminal
from verilora.errors import OutputError

ADAPTER_HELP = "A directory with adapter_config.json, or of a run."
BASE_HELP = "The base: a hub id, a directory, or package:NAME/FOLDER."


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    command(
        app,
        "explain",
        examples="""
        verilora explain runs/mrpc
        verilora explain adapter/ --base FacebookAI/roberta-base
        verilora explain adapter/ --check vllm
        """,
    )(explain)
    command(
        app,
        "merge",
        examples="verilora merge runs/mrpc --base FacebookAI/roberta-base --out merged/",
    )(merge)


def explain(
    terminal: Terminal,
    adapter: Annotated[
        Path,
        typer.Argument(metavar="ADAPTER_OR_RUN", show_default=False, help=ADAPTER_HELP),
    ],
    *,
    base: Annotated[str | None, typer.Option("--base", metavar="MODEL", help=BASE_HELP)] = None,
    check: CheckFor = None,
) -> None:
    """Tell what an adapter holds and how strongly it acts.

    Without a base: what its files say, with the size and the effective rank of each update. With
    --base the adapter is loaded into it, every tensor and digest is checked, and each update is
    told beside the weight's size. With --check: what a program would refuse, as for convert.
    """
    if check is not None:
        tell_check(terminal, adapter, consumer=check)
        return
    from verilora.cli.contents import read_contents, told

    contents = read_contents(adapter)
    if base is None:
        terminal.tell(told(contents), mapping=contents.to_mapping())
        return
    terminal.note(f"loading {base} ...")
    from verilora.cli.bases import load_base
    from verilora.lora import explain as explained
    from verilora.lora.formats import load_adapter

    model, _ = load_base(base, contents)
    explanation = explained(load_adapter(model, contents.directory))
    terminal.tell(str(explanation), mapping=explanation.to_mapping())


def merge(
    terminal: Terminal,
    adapter: Annotated[
        Path, typer.Argument(metavar="ADAPTER", show_default=False, help=ADAPTER_HELP)
    ],
    *,
    base: Annotated[
        str, typer.Option("--base", metavar="MODEL", show_default=False, help=BASE_HELP)
    ],
    out: Annotated[
        Path,
        typer.Option("--out", metavar="DIR", show_default=False, help="A new directory."),
    ],
) -> None:
    """Write a base with an adapter merged into it.

    Leaves a directory that transformers loads like any model, with the tokenizer where there is
    one: the whole of it or nothing. The sum is made in float32 and rounded once;
    the merged model must answer a probe as before, or nothing is written.
    """
    from verilora.atomic import staged_directory
    from verilora.cli.contents import read_contents

    _refuse_occupied(out)
    contents = read_contents(adapter)
    terminal.note(f"loading {base} ...")
    from verilora.cli.bases import load_base, probe_for, save_model
    from verilora.lora import merge as merged
    from verilora.lora.formats import load_adapter

    model, tokenizer = load_base(base, contents)
    load_adapter(model, contents.directory)
    report = merged(model, probe_for(model))
    with staged_directory(out) as stage:
        save_model(model, tokenizer, directory=stage)
    told = f"{report}\n\nmerged model  {out}"
    terminal.tell(told, mapping={"directory": str(out), "report": report.to_mapping()})


def _refuse_occupied(out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OutputError(
            f"{out} holds something already; a merged model goes to a new directory", path=out
        )
