"""Before anything is run: the chance that k runs can decide.

Simulation of the very decision that will be made, with normal runs; the draws are fixed, so that
a plan says the same each time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from verilora.errors import DataError
from verilora.records.given import AsGiven, Count, Number, Positive, Share
from verilora.records.measurement import Reported
from verilora.verdict.bootstrap import normals
from verilora.verdict.readings import Setting, assess, setting_of
from verilora.verdict.statistics import DIFFERENT, EQUIVALENT, Numbers, side_of, slice_variance

RUNS = (3, 5, 8, 10)
REPEATS = 20_000


class Chance(AsGiven):
    """Probabilities of a decision with `runs` runs, if runs spread by `sd` on both sides."""

    runs: Count
    sd: Positive
    """Assumed, in the unit of the metric."""
    margin: Positive
    equivalent_if_same: Share
    """Found equivalent when there is no gap: the chance to confirm what is true."""
    equivalent_if_margin_apart: Share
    """Found equivalent when the gap is the margin: the error of confirming, 0.05 or about."""
    different_if_same: Share
    """Found different when there is no gap: the error of refuting."""
    gap: Number
    different_if_gap: Share
    """Found different when the gap is `gap` (twice the margin): the chance to refute."""


def chances(
    reported: Reported,
    margin: float,
    *,
    runs: Sequence[int] = RUNS,
    sd: float | None = None,
    evaluated: int | None = None,
    full_size: int | None = None,
) -> tuple[Chance, ...]:
    """The chance of each decision for each number of runs, by simulation (20,000 repeats).

    `sd` is that of single runs, by default what the paper prints (under the largest reading).
    `evaluated` and `full_size` count items where a part of them stands for all.
    Raises DataError if no spread is known or given, or fewer than two runs are asked for.
    """
    setting = setting_of(reported, margin, evaluated=evaluated, full_size=full_size)
    assumed = sd if sd is not None else _printed(reported, setting)
    if assumed is None or assumed <= 0:
        raise _refused("no spread is known to plan with; say one (sd), such as that of a trial")
    if min(runs, default=2) < 2:
        raise _refused(f"{min(runs)} run decides nothing; 3 at least are wanted")
    return tuple(_chance(reported, setting, runs=k, sd=assumed) for k in runs)


def rates(
    reported: Reported, setting: Setting, *, runs: int, sd: float, gap: float
) -> tuple[float, float]:
    """(share found equivalent, share found different) when ours truly lie `gap` above theirs."""
    label = _labels(reported, setting, runs=runs, sd=sd, gap=gap)
    return float((label == EQUIVALENT).mean()), float((label == DIFFERENT).mean())


def _chance(reported: Reported, setting: Setting, *, runs: int, sd: float) -> Chance:
    gap = 2 * setting.margin
    same, wrong = rates(reported, setting, runs=runs, sd=sd, gap=0.0)
    missed, _ = rates(reported, setting, runs=runs, sd=sd, gap=setting.margin)
    _, refuted = rates(reported, setting, runs=runs, sd=sd, gap=gap)
    return Chance(
        runs=runs,
        sd=sd,
        margin=setting.margin,
        equivalent_if_same=same,
        equivalent_if_margin_apart=missed,
        different_if_same=wrong,
        gap=gap,
        different_if_gap=refuted,
    )


def _labels(reported: Reported, setting: Setting, *, runs: int, sd: float, gap: float) -> Numbers:
    reading = setting.readings[0]
    count = runs + setting.runs + 1
    drawn = normals(REPEATS * count).reshape(REPEATS, count)
    ours, paper, part = np.split(drawn, [runs, runs + setting.runs], axis=1)
    theirs = side_of(reported.value + sd * paper, reading.aggregation)
    spread = None
    if reading.factor is not None and theirs.sd is not None:
        spread = theirs.sd / reading.factor
    values = reported.value + gap + sd * ours + _slice_sd(reported, setting) * part
    printed = np.round(theirs.value, setting.decimals)
    return assess(values, printed, spread=spread, setting=setting).label


def _slice_sd(reported: Reported, setting: Setting) -> float:
    if setting.evaluated is None or setting.full_size is None:
        return 0.0
    return (
        float(
            slice_variance(reported.value, evaluated=setting.evaluated, full_size=setting.full_size)
        )
        ** 0.5
    )


def _printed(reported: Reported, setting: Setting) -> float | None:
    if reported.spread is None:
        return None
    return reported.spread * max(reading.factor or 1.0 for reading in setting.readings)


def _refused(message: str) -> DataError:
    return DataError(message, file=None, line=None)
