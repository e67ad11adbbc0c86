"""The whole flow: wish -> preregistration -> runs -> verdict. Every step leaves its record.

from verilora.recipes.targets import find_target
from verilora.reproduce.flow import reproduce
from verilora.reproduce.wish import Wish
reproduce(Wish(find_target("lora/table2/roberta-base/mrpc"), data="mrpc/"), "runs/mrpc")
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from verilora.records.anchor import AnchorReport
from verilora.records.recipe import Recipe
from verilora.records.verdict import Verdict, VerdictDocument
from verilora.reproduce.attempt import Job
from verilora.reproduce.cards import write_cards
from verilora.reproduce.circumstances import Circumstances, look_around
from verilora.reproduce.conclusion import conclude_files
from verilora.reproduce.directory import Place
from verilora.reproduce.registration import (
    draft,
    refuse_out_of_reach,
    register,
    stamp_now,
)
from verilora.reproduce.seeds import Hear, run_jobs
from verilora.reproduce.wish import Wish, recipe_for
from verilora.train.directory import RunDirectory

MEMINFO = Path("/proc/meminfo")
MEMORY_FACTOR = 2
"""Of the planned peak, what a process may come to hold over a long run."""
THREADS = "training.threads="


@dataclass(frozen=True)
class Ready:
    """A wish looked into: all that is known before the first run."""

    wish: Wish
    recipe: Recipe
    found: Circumstances
    notes: tuple[str, ...]
    workers: int
    """Runs at once."""


def prepare(wish: Wish, *, workers: int | None = None, weights: bool = True) -> Ready:
    """Recipe, data, base and plan of the wish; nothing is written, nothing trained.

    `workers` is how many runs go on at once, by default as many as cores and memory allow, each
    with its share of the cores; on a GPU one. Raises what `recipe_for` and `look_around` raise.
    """
    seeds = wish.chosen_seeds
    recipe, notes = recipe_for(wish)
    found = look_around(wish.target, recipe, weights=weights)
    count = workers or workers_for(len(seeds), found.plan.memory.peak)
    if recipe.training.threads is None:
        threads = max(1, (os.cpu_count() or 1) // count)
        recipe = recipe.replace(training=recipe.training.replace(threads=threads))
        found = replace(found, setup=found.setup.replace(recipe=recipe))
    return Ready(wish, recipe, found, notes, count)


def reproduce(
    wish: Wish,
    out: Path | str,
    *,
    ready: Ready | None = None,
    listen: Hear | None = None,
    registered: Callable[[Verdict], None] | None = None,
    evidence: Evidence | None = None,
) -> VerdictDocument:
    """Does what is wished for, and leaves the reproduction's directory at `out`.

    The preregistration is written before any run; `registered` hears of it. Begun work goes on
    under the same preregistration alone; a finished verdict is given back as it is.
    Raises OutputError for a directory that holds something else, and what the runs raise.
    """
    place, ready = Place(out), ready or prepare(wish)
    with place.claimed():
        pre = register(place, wish, found=ready.found)
        if registered is not None:
            registered(pre)
        jobs = jobs_of(ready, place, preregistration=pre.digest)
        run_jobs(jobs, workers=ready.workers, listen=listen)
        return conclude_once(place, pre, evidence=evidence or Evidence())


@dataclass(frozen=True)
class Evidence:
    """What the gates look at beside the runs."""

    paper_text: str | None = None
    anchors: AnchorReport | None = None


def jobs_of(ready: Ready, place: Place, *, preregistration: str) -> list[Job]:
    """A run for each seed, which will name that digest."""
    recipe, jobs = _as_begun(ready, place), []
    for seed in ready.wish.chosen_seeds:
        seeded = recipe.replace(training=recipe.training.replace(seed=seed))
        jobs.append(Job(f"seed {seed}", seeded, place.seed(seed), preregistration))
    return jobs


def conclude_once(place: Place, pre: Verdict, *, evidence: Evidence) -> VerdictDocument:
    """The verdict that stands already, or the one that follows from the runs, written."""
    document = place.verdict()
    if document is None:
        _keep(place, evidence)
        document = conclude_files(place, pre, stamp=stamp_now())
        place.keep(place.verdict_file, document.canonical())
    write_cards(place, pre, document=document)
    return document


def foresee(ready: Ready, wanted: str | None = None) -> Verdict:
    """The preregistration as it would be written now.

    Raises RecipeError if the `wanted` status is out of its reach.
    """
    made = draft(ready.wish, ready.found, stamp=stamp_now())
    if wanted is not None:
        refuse_out_of_reach(made, wanted)
    return made


def workers_for(seeds: int, peak_bytes: int) -> int:
    """How many runs may go on at once: no more than cores, and than memory holds."""
    if torch.cuda.is_available():
        return 1
    room = _available_bytes()
    fitting = seeds if room is None else room // max(1, MEMORY_FACTOR * peak_bytes)
    return max(1, min(seeds, os.cpu_count() or 1, fitting))


def _available_bytes() -> int | None:
    try:
        lines = MEMINFO.read_text("utf-8").splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(found[0]) * 1024 if found else None


def _as_begun(ready: Ready, place: Place) -> Recipe:
    """The recipe with as many threads as the runs were begun with: more memory or other --jobs
    make no other run, and the same number gives the same bits."""
    recipe = ready.recipe
    if any(setting.replace(" ", "").startswith(THREADS) for setting in ready.wish.settings):
        return recipe
    for seed in ready.wish.chosen_seeds:
        before = RunDirectory(place.seed(seed)).begun_with()
        if before is not None:
            return recipe.replace(training=recipe.training.replace(threads=before.training.threads))
    return recipe


def _keep(place: Place, evidence: Evidence) -> None:
    if evidence.paper_text is not None:
        place.keep(place.paper_file, evidence.paper_text.encode())
    if evidence.anchors is not None:
        place.keep(place.anchors_file, evidence.anchors.canonical())
