"""Two sides run and judged, both measured here, under one preregistration.

    comparison = Comparison("LoRA against all weights, MRPC", ours, reference, seeds=(0, 1, 2))
    compare(comparison, "runs/lora-or-full")

The directory holds preregistration.json, written first and never changed, a run directory for each
seed of each side (lora-seed0, full-seed0, ...), and verdict.json, which follows from those.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from verilora.records.verdict import Verdict, VerdictDocument
from verilora.reproduce.attempt import Job
from verilora.reproduce.cards import write_cards
from verilora.reproduce.comparison import SIDES, Comparison, register
from verilora.reproduce.conclusion import conclude_files
from verilora.reproduce.directory import Place
from verilora.reproduce.flow import workers_for
from verilora.reproduce.registration import stamp_now, take_up
from verilora.reproduce.results import FAILED
from verilora.reproduce.seeds import Hear, run_jobs
from verilora.train.directory import RunDirectory
from verilora.train.lock import made_and_locked

LEFT = (
    *("verdict.json", "verdict.png", "report.html", "claim.json", "claim.dsse.json"),
    "preregistration.json",
)
"""What a comparison leaves beside its runs; the plan goes last."""


def compare(
    comparison: Comparison,
    out: Path | str,
    *,
    workers: int | None = None,
    listen: Hear | None = None,
    force: bool = False,
    others: Sequence[Job] = (),
) -> VerdictDocument:
    """Makes the runs of both sides and the verdict on them; what was begun goes on.

    `workers` runs go on at once, by default as many as cores and memory allow. `others` are runs
    made beside them, of which the verdict knows nothing. With `force` what is there is replaced.
    Raises RecipeError for recipes that do not compare, OutputError for a directory that holds
    something else, and what the runs raise.
    """
    place, made = Place(out), register(comparison, stamp=stamp_now())
    if force:
        _clear(place, comparison, others=others)
    with made_and_locked(place.path) if force else place.claimed():
        pre = _keep_or_take_up(place, made.verdict)
        jobs = [*_jobs(comparison, place, pre=pre), *others]
        run_jobs(jobs, workers=workers or workers_for(len(jobs), made.peak_bytes), listen=listen)
        document = place.verdict()
        if document is None:
            document = conclude_files(place, pre, stamp=stamp_now())
            place.keep(place.verdict_file, document.canonical())
        write_cards(place, pre, document=document)
    return document


def _jobs(comparison: Comparison, place: Place, *, pre: Verdict) -> Iterator[Job]:
    """Full fine-tuning takes longer, so that it begins first."""
    for seed in comparison.seeds:
        for recipe in (comparison.reference, comparison.ours):
            seeded = recipe.replace(training=recipe.training.replace(seed=seed))
            method = recipe.training.method
            yield Job(f"{method}, seed {seed}", seeded, place.side(method, seed), pre.digest)


def _keep_or_take_up(place: Place, made: Verdict) -> Verdict:
    instead = "choose another directory, or say --force to begin anew"
    before = take_up(place, made, instead=instead)
    if before is None:
        place.keep(place.preregistration_file, made.canonical())
    return before or made


def _clear(place: Place, comparison: Comparison, *, others: Sequence[Job]) -> None:
    """Removes the comparison that is here; nothing else."""
    for name in LEFT:
        (place.path / name).unlink(missing_ok=True)
    found = [path for side in SIDES for path in place.path.glob(f"{side}-seed*")]
    for path in (*found, *(job.out for job in others)):
        directory = RunDirectory(path)
        if directory.recipe.exists() or (path / FAILED).exists():
            directory.clear()
