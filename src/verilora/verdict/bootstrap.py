"""Confidence: how often the same work, done again, would come to the same status.

The draws come from raw bits of a counter-based generator, whose stream does not change with the
version of NumPy: the same numbers give the same confidence, everywhere.

Sources: Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 6.5 (parametric
bootstrap); Salmon et al. 2011, doi:10.1145/2063384.2063405 (Philox).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from verilora.records.verdict import Status
from verilora.verdict.limits import Finding, Standing, status_of
from verilora.verdict.protocol import CONFIDENCE
from verilora.verdict.readings import Setting, assess
from verilora.verdict.statistics import INCONCLUSIVE, Numbers, side_of

REPEATS = 5000
MOST = 1_000_000
"""Numbers drawn; beyond that there are fewer repeats."""
SEED = 20211016
"""Fixed, so that a confidence can be computed again."""


@dataclass(frozen=True)
class Model:
    """Normal populations to draw from: centres, spreads of single runs, and their numbers.

    `spread_shown` is what the paper would print for a spread of 1, None where it prints none.
    """

    centre: float
    sd: float
    runs: int
    paper_centre: float
    paper_sd: float
    aggregation: str
    spread_shown: float | None
    fixed: float = 0.0
    """Variance of the evaluated part of the items, common to all runs."""


def confidence(
    model: Model | None, *, status: Status, setting: Setting, standing: Standing
) -> float:
    """Share of repeats with the same status, at most what the level allows, to three digits.

    Each repeat draws as many runs as there were from normal populations with the measured centres
    and spreads, prints the paper's side as the paper does, and decides again. Without any spread
    to draw with (model None) it is what an unknown protocol is allowed.
    """
    highest = CONFIDENCE[standing.level]
    if model is None:
        return min(highest, CONFIDENCE["unknown"])
    table = _statuses(standing)
    label, within, one_side = _repeat(model, setting)
    same = table[label, within.astype(int), one_side.astype(int)] == status
    return round(min(highest, float(same.mean())), 3)


def findings(values: Numbers, value: Numbers, *, spread: Numbers, setting: Setting) -> Any:
    """(label, within, one_side) for our values [..., runs] against the paper's value [...]."""
    value = np.asarray(value, dtype=float)
    above = np.asarray(values) > value[..., None]
    below = np.asarray(values) < value[..., None]
    one_side = above.all(axis=-1) | below.all(axis=-1)
    if np.shape(values)[-1] > 1:
        found = assess(values, value, spread=spread, setting=setting)
        return found.label, found.within, one_side
    within = np.abs(side_of(values, "mean").value - value) < setting.margin
    return np.full(within.shape, INCONCLUSIVE), within, one_side


def normals(count: int, *, seed: int = SEED) -> np.ndarray:
    """`count` standard normal numbers: the normal quantiles of 53-bit uniforms from Philox."""
    raw = np.random.Philox(key=seed).random_raw(count)
    return special.ndtri(((raw >> np.uint64(11)).astype(float) + 0.5) * 2.0**-53)


def _repeat(model: Model, setting: Setting) -> Any:
    paper_runs = setting.runs
    count = model.runs + paper_runs + 1
    repeats = max(100, min(REPEATS, MOST // count))
    drawn = normals(repeats * count).reshape(repeats, count)
    ours, paper, part = np.split(drawn, [model.runs, model.runs + paper_runs], axis=1)
    values = model.centre + model.sd * ours + np.sqrt(model.fixed) * part
    side = side_of(model.paper_centre + model.paper_sd * paper, model.aggregation)
    printed = np.round(side.value, setting.decimals)
    shown = None
    if model.spread_shown is not None and side.sd is not None:
        shown = side.sd * model.spread_shown
    return findings(values, printed, spread=shown, setting=setting)


def _statuses(standing: Standing) -> np.ndarray:
    table = np.empty((3, 2, 2), dtype=object)
    for place in np.ndindex(3, 2, 2):
        label, within, one_side = place
        table[place] = status_of(Finding(label, bool(within), bool(one_side)), standing)
    return table
