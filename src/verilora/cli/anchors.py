"""`anchors list` and `anchors run`: known results, measured again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from verilora.cli.command import command
from verilora.cli.progress import drawn_together
from verilora.cli.runs import Force
from verilora.cli.terminal import Terminal

Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME]...", show_default=False, help="Anchors to run [all]."),
]


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    group = typer.Typer(
        no_args_is_help=True,
        rich_markup_mode=None,
        help="Known results, run again: is the machinery healthy?\n\n"
        "Example: verilora anchors run tiny-bits",
    )
    app.add_typer(group, name="anchors")
    command(group, "list", examples="verilora anchors list")(list_anchors)
    command(
        group,
        "run",
        examples="""
        verilora anchors run tiny-bits
        verilora anchors run --mrpc data/mrpc
        """,
    )(run)


def list_anchors(terminal: Terminal) -> None:
    """List the anchors, what each measures and what is expected of it."""
    from verilora.anchors.catalog import anchor_names, find_anchor
    from verilora.cli.summary import columns

    anchors = [find_anchor(name) for name in anchor_names()]
    rows = [("anchor", "measures", "expected")]
    rows += [(anchor.name, anchor.measured, _expected(anchor)) for anchor in anchors]
    mapping = [anchor.to_mapping() for anchor in anchors]
    terminal.tell(columns(rows, numbers=()), mapping=mapping)


def run(
    terminal: Terminal,
    names: Names = None,
    *,
    mrpc: Annotated[
        Path | None, typer.Option("--mrpc", metavar="DIR", help="The directory of MRPC's files.")
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Where anchors.json and the runs go.")
    ] = Path("runs/anchors"),
    force: Force = False,
) -> None:
    """Run anchors again and say of each whether it is healthy.

    Writes anchors.json, in which older results of other anchors stay. Exit status 1 if one of
    those that were run has drifted.
    """
    terminal.resume = f"the results until now are in {out / 'anchors.json'}"
    with drawn_together(terminal) as listen:
        from verilora.anchors.measure import Place
        from verilora.anchors.rerun import rerun

        place = Place(out, mrpc=mrpc, force=force)
        report, found = rerun(tuple(names or ()), place, listen=listen)
    terminal.tell(_told(report, found, path=out / "anchors.json"), mapping=report.to_mapping())
    if any(result.state == "drift" for result in found):
        raise typer.Exit(1)


def _told(report: Any, found: Any, *, path: Path) -> str:
    from verilora.charts.words import seconds_told
    from verilora.cli.summary import columns

    rows = [("anchor", "state", "latest", "expected", "took")]
    for result in report.results:
        expected = _short(result.expected)
        expected += f" ± {result.tolerance:g}" if result.tolerance is not None else ""
        took = "" if result.seconds is None else seconds_told(result.seconds)
        took += "" if result in found else f" (on {result.computed_at[:10]})"
        rows.append((result.name, result.state, _short(result.latest), expected, took.strip()))
    details = [f"{r.name}: {r.detail}" for r in found if r.state != "healthy"]
    return "\n".join(
        [columns(rows, numbers=()), *["", *details][: 2 * len(details)], "", str(path)]
    )


def _expected(anchor: Any) -> str:
    if anchor.unit == "digest":
        count = len(anchor.expectations)
        return f"the digest, known for {count} platform{'' if count == 1 else 's'}"
    told = {f"{_short(item.value)} ± {item.tolerance:g} %": None for item in anchor.expectations}
    return ", else ".join(told)


def _short(value: float | str | None) -> str:
    if value is None:
        return "-"
    return f"{value[:19]}…" if isinstance(value, str) else f"{value:.2f}"
