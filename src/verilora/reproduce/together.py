"""Several cells of one row by the same runs: each with a preregistration and a verdict of its own.

    wishes = [Wish(find_target(f"lora/table3/gpt2-medium/{name}")) for name in ("bleu", "nist")]
    reproduce_together(prepare_together(wishes), "runs/e2e")

All preregistrations are written before the first run, and each run names a record of them all
(preregistrations.json). The runs are then copied, so that each cell's directory can be checked,
signed and given away by itself.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from verilora.errors import OutputError, RecipeError
from verilora.records.together import Together
from verilora.records.verdict import Verdict, VerdictDocument
from verilora.reproduce.directory import Place
from verilora.reproduce.flow import Evidence, Ready, conclude_once, jobs_of, prepare
from verilora.reproduce.registration import register
from verilora.reproduce.seeds import Hear, run_jobs
from verilora.reproduce.wish import Wish


def prepare_together(
    wishes: Sequence[Wish], *, workers: int | None = None, weights: bool = True
) -> list[Ready]:
    """The wishes looked into, as `prepare` does, with one recipe for all of them.

    Raises RecipeError for cells that are not of one row or do not share a recipe, and what
    `prepare` raises.
    """
    names = [wish.target.name for wish in wishes]
    rows = sorted({name.rpartition("/")[0] for name in names})
    if len(rows) != 1 or len(set(names)) != len(names):
        told = f"{', '.join(names)} are asked for together; different cells of one row are wanted"
        raise RecipeError("targets", [told])
    measured = tuple(wish.target.metric for wish in wishes)
    shared = [replace(wish, name=rows[0], measured=measured) for wish in wishes]
    made = [prepare(wish, workers=workers, weights=weights) for wish in shared]
    if len({one.recipe.digest for one in made}) != 1:
        told = f"{', '.join(names)} are not made by one recipe; reproduce each by itself"
        raise RecipeError("targets", [told])
    return made


def reproduce_together(
    made: Sequence[Ready],
    out: Path | str,
    *,
    listen: Hear | None = None,
    registered: Callable[[Verdict], None] | None = None,
    evidence: Evidence | None = None,
) -> list[VerdictDocument]:
    """Does what is wished for, and leaves a reproduction's directory for each cell in `out`.

    Begun work goes on under the same preregistrations alone. Raises what `reproduce` raises.
    """
    places = [place_of(one, out) for one in made]
    with contextlib.ExitStack() as claims:
        for place in places:
            claims.enter_context(place.claimed())
        pairs = list(zip(places, made, strict=True))
        fixed = [register(place, one.wish, found=one.found) for place, one in pairs]
        together = _fix(places, fixed)
        if registered is not None:
            for pre in fixed:
                registered(pre)
        jobs = jobs_of(made[0], places[0], preregistration=together.digest)
        run_jobs(jobs, workers=made[0].workers, listen=listen)
        for job in jobs:
            _copy(job.out, places[1:])
        return [
            conclude_once(place, pre, evidence=evidence or Evidence())
            for place, pre in zip(places, fixed, strict=True)
        ]


def place_of(one: Ready, out: Path | str) -> Place:
    """The directory of a cell among others: called as its column."""
    return Place(Path(out) / one.wish.target.name.rpartition("/")[2])


def _fix(places: Sequence[Place], fixed: Sequence[Verdict]) -> Together:
    """Writes the record of all preregistrations beside each, or finds it there."""
    together = Together(digests=tuple(sorted(pre.digest for pre in fixed)))
    for place in places:
        before = place.together()
        if before is not None and before != together:
            raise OutputError(
                f"{place.together_file} holds other preregistrations than those wished for now; "
                "what was fixed together stays together: name the same cells, or choose another "
                "directory with --out",
                path=place.path,
            )
        if before is None and any(place.path.glob("seed-*")):
            raise OutputError(
                f"{place.path} holds runs of this cell alone; choose another directory with --out",
                path=place.path,
            )
        place.keep(place.together_file, together.canonical())
    return together


def _copy(run: Path, places: Sequence[Place]) -> None:
    for place in places:
        there = place.path / run.name
        if there.exists():
            continue
        unfinished = place.path / f".{run.name}"
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(run, unfinished)
        unfinished.rename(there)
