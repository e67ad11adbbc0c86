"""`explain` and `merge`: what an adapter is, and a base with it inside."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from verilora.cli.command import command
from verilora.cli.convert import CheckFor, tell_check
from verilora.cli.terminal import Terminal

ADAPTER_HELP = "A directory with adapter_config.json, or of a run."
BASE_HELP = "The base: a hub id, a directory, or package:NAME/FOLDER."


OntoBase = Annotated[
    Literal["dequantised", "original"] | None,
    typer.Option(
        "--onto",
        show_default=False,
        help="For an adapter of a quantised base: the values it was trained with (the default), "
        "or the base's own weights.",
    ),
]


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
        examples="""
        verilora merge runs/mrpc --base FacebookAI/roberta-base --out merged/
        verilora merge adapter/ --base gpt2 --out merged/ --force
        """,
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
        typer.Option("--out", metavar="DIR", show_default=False, help="Where the model goes."),
    ],
    shard: Annotated[
        str, typer.Option("--shard", metavar="SIZE", help="No file of weights is larger.")
    ] = "5GB",
    onto: OntoBase = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a model that is there already.")
    ] = False,
) -> None:
    """Write a base with an adapter merged into it.

    Leaves a directory that transformers loads like any model, with the tokenizer where there is
    one: the whole of it or nothing. The sum is made in float32 and rounded once. What was written
    is read again: it must be the merged model to the bit, and answer a probe as base and adapter.
    An adapter of a quantised base goes onto the values that it was trained with, in full precision.
    """
    from verilora.atomic import refuse_occupied
    from verilora.cli.contents import read_contents

    refuse_occupied(out, overwrite=force)
    contents = read_contents(adapter)
    terminal.note(f"loading {base} ...")
    from verilora.cli.bases import load_base, probe_for, put_onto
    from verilora.handover.export import export_merged
    from verilora.lora.formats import load_adapter

    model, tokenizer = load_base(base, contents)
    load_adapter(model, contents.directory)
    taken, said = put_onto(model, contents, onto=onto)
    done = export_merged(
        model, out, tokenizer=tokenizer, probe=probe_for(model), overwrite=force, shard=shard
    )
    told = f"{done.merge}\n{done}\n{said}\nmerged model  {out}"
    terminal.tell(told, mapping={"directory": str(out), "onto": taken, **done.to_mapping()})
