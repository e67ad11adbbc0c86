"""`combine`: one adapter of several."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from verilora.cli.command import command
from verilora.cli.terminal import Terminal
from verilora.errors import ConfigError

Adapters = Annotated[
    list[Path],
    typer.Argument(
        metavar="ADAPTER", show_default=False, help="Adapters: PEFT's form, mlx-lm's, or runs."
    ),
]
Weights = Annotated[
    str | None,
    typer.Option("--weights", metavar="W,W,...", help="One for each; 1 by default."),
]
Out = Annotated[
    Path, typer.Option("--out", metavar="DIR", show_default=False, help="A new directory.")
]
Rank = Annotated[
    int | None, typer.Option("--rank", metavar="R", help="Bring every module down to this rank.")
]
How = Annotated[
    str, typer.Option("--method", metavar="NAME", help="sum, ties, dare, dare-ties or magnitude.")
]
Density = Annotated[
    float, typer.Option("--density", metavar="D", help="Share of the entries kept (not for sum).")
]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help="Of the entries that dare keeps.")]


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    command(
        app,
        "combine",
        examples="""
        verilora combine first/ second/ --weights 0.7,0.3 --out both/
        verilora combine first/ second/ --weights 1,-1 --rank 16 --out difference/
        verilora combine a/ b/ c/ --method ties --density 0.2 --rank 32 --out merged/
        """,
    )(combine)


def combine(
    terminal: Terminal,
    adapters: Adapters,
    *,
    out: Out,
    weights: Weights = None,
    rank: Rank = None,
    method: How = "sum",
    density: Density = 1.0,
    seed: Seed = 0,
) -> None:
    """Write one adapter for the weighted sum of several.

    The sum is that of their updates, exactly, whatever their ranks, scales and modules: factors
    are stacked, never mixed. --rank recompresses, and the error of each module is told. The other
    methods look at single entries, module by module, and end with a decomposition.
    """
    from verilora.lora.algebra.combine import combine as combined
    from verilora.lora.algebra.sparse import Method

    chosen = Method(method, density, seed)
    found = combined(adapters, _numbers(weights, len(adapters)), out, rank, method=chosen)
    told = f"{found}\n\ncombined adapter  {out}"
    terminal.tell(told, mapping={"directory": str(out), **found.to_mapping()})


def _numbers(given: str | None, count: int) -> list[float]:
    if given is None:
        return [1.0] * count
    try:
        return [float(part) for part in given.split(",")]
    except ValueError as error:
        raise ConfigError(
            "--weights", [f"found {given!r}; numbers with commas between them are wanted"]
        ) from error
