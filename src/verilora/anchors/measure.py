"""One function for each anchor: it runs the configuration and says what came out, unjudged."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from verilora.anchors.platform import platform_key
from verilora.anchors.tiny import make_tiny
from verilora.errors import ModelError, TrainingError
from verilora.recipes import catalog
from verilora.records.anchor import Found
from verilora.records.recipe import Recipe
from verilora.records.run import Run
from verilora.train.device import on_device
from verilora.train.evaluate import Listen
from verilora.train.run import run


@dataclass(frozen=True)
class Place:
    """Where anchors leave their runs, and what they may read and replace."""

    out: Path
    mrpc: Path | None = None
    """The directory of MRPC's files."""
    force: bool = False


@dataclass(frozen=True)
class Measured:
    """What came out: a value and the circumstances that it holds for, or why there is none."""

    latest: Found | None = None
    where: str | None = None
    lacks: str = ""
    """What the machine lacks, as a sentence."""
    broke: str = ""
    """The error that ended a run that ought to go well."""
    run: Run | None = None


Measure = Callable[[Place, Listen | None], Measured]


def measure_tiny_bits(place: Place, listen: Listen | None) -> Measured:
    """The digest of the adapter that a few steps on the CPU leave; their directory goes again."""
    with tempfile.TemporaryDirectory(prefix="verilora-anchor-") as temporary, on_device("cpu"):
        folder = Path(temporary)
        try:
            done = run(make_tiny(folder), folder / "run", listen=listen)
        except TrainingError as error:
            return Measured(broke=str(error), where=platform_key())
    return Measured(done.digests.adapter, platform_key(), run=done)


def measure_stdlib(place: Place, listen: Listen | None) -> Measured:
    """The demo's accuracy; it holds for the functions of this machine's Python."""
    return _accuracy(catalog.load("stdlib-minilm"), place, listen=listen)


def measure_mrpc(place: Place, listen: Listen | None) -> Measured:
    """MRPC's accuracy, where its files are given."""
    if place.mrpc is None:
        return Measured(lacks="MRPC's files are wanted: --mrpc DIR (docs/data.md says where from)")
    recipe = catalog.load("mrpc-minilm")
    recipe = recipe.replace(task=recipe.task.replace(data=str(place.mrpc)))
    return _accuracy(recipe, place, listen=listen)


MEASURES: dict[str, Measure] = {
    "tiny-bits": measure_tiny_bits,
    "stdlib-minilm": measure_stdlib,
    "mrpc-minilm": measure_mrpc,
}
KEPT = ("stdlib-minilm", "mrpc-minilm")
"""Anchors whose run stays, in a directory of the anchor's name."""


def _accuracy(recipe: Recipe, place: Place, *, listen: Listen | None) -> Measured:
    out = place.out / recipe.name
    begun = (out / "recipe.toml").exists() and not (out / "run.json").exists()
    try:
        done = run(recipe, out, resume=begun and not place.force, force=place.force, listen=listen)
    except ModelError as error:
        return Measured(lacks=str(error))
    except TrainingError as error:
        return Measured(broke=str(error))
    return Measured(done.metrics["accuracy"].value, done.digests.data, run=done)
