"""How far two results are apart, and whether that is within a margin: the equations alone.

Every function takes single numbers or NumPy arrays of many cases at once, so that simulations run
the very code that decides. All values are in one unit. Knows no record.

Sources: Schuirmann 1987, J. Pharmacokin. Biopharm. 15:657-680 (two one-sided tests); Welch 1947,
Biometrika 34:28-35 and Satterthwaite 1946, Biometrics Bull. 2:110-114 (unequal variances);
Cramér 1946, Mathematical Methods of Statistics, section 28.5 (variance of a sample median);
Cochran 1977, Sampling Techniques, 3rd ed., section 3.2 (share in a part of a finite population);
Sheppard 1898, Proc. London Math. Soc. 29:353-380 (rounding); Hahn and Meeker 1991, Statistical
Intervals, chapter 4 (prediction intervals).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

Numbers = Any
"""A float, or an array of floats."""

INCONCLUSIVE, EQUIVALENT, DIFFERENT = 0, 1, 2
LABELS = ("inconclusive", "equivalent", "different")
"""Name of each code."""
ALPHA = 0.05
"""Of each of the two one-sided tests: the interval of the difference is a 90 % interval."""


@dataclass(frozen=True)
class Side:
    """One side of a comparison: the aggregate of `runs` runs whose single values spread by `sd`.

    `sd` None: not known. `aggregation` is "mean", "median" or "single".
    """

    value: Numbers
    sd: Numbers | None
    runs: int
    aggregation: str = "mean"


@dataclass(frozen=True)
class Comparison:
    """The difference of two sides (ours less theirs) and what it means under a margin."""

    difference: Numbers
    standard_error: Numbers
    degrees_of_freedom: Numbers
    low: Numbers
    high: Numbers
    """90 % interval of the difference."""
    label: Numbers
    """INCONCLUSIVE, EQUIVALENT or DIFFERENT."""
    within: Numbers
    """The difference itself lies within the margin."""
    probability: Numbers
    """That the true difference lies within the margin, under the t distribution."""


def side_of(values: Numbers, aggregation: str) -> Side:
    """Our side from the values of single runs, [..., runs]; their order does not matter.

    sd² = Σ (xᵢ - x̄)² / (k - 1); None for one run. "single" is the mean of what there is.
    """
    ordered = np.sort(np.asarray(values, dtype=float), axis=-1)
    runs = ordered.shape[-1]
    aggregate = np.median if aggregation == "median" else np.mean
    sd = ordered.std(axis=-1, ddof=1) if runs > 1 else None
    return Side(aggregate(ordered, axis=-1), sd, runs, aggregation)


def variance_factor(aggregation: str) -> float:
    """c in var(aggregate) = c · σ² / k: 1 for a mean, π/2 for a median (its large-sample value).

    Of normal values; for few runs it is above the exact factor (1.35 at 3, 1.43 at 5), so that the
    error is rather too large than too small.
    """
    return math.pi / 2 if aggregation == "median" else 1.0


def resolution(decimals: int) -> float:
    """h: half a unit of the last printed digit. Rounding adds the variance h²/3 of a uniform."""
    return 0.5 * 10.0**-decimals


def slice_variance(share: Numbers, *, evaluated: int, full_size: int) -> Numbers:
    """V = 100² · p(1 - p)/n · (N - n)/(N - 1) in percent²: n of N items stand for all; 0 if all.

    `share` is the measured share of right items in percent.
    """
    if evaluated >= full_size:
        return 0.0 * np.asarray(share)
    p = np.clip(np.asarray(share) / 100, 0, 1)
    correction = (full_size - evaluated) / (full_size - 1)
    return 100**2 * p * (1 - p) / evaluated * correction


def standard_error(ours: Side, theirs: Side, *, fixed: Numbers) -> tuple[Numbers, Numbers]:
    """(SE, degrees of freedom) of ours less theirs.

    SE² = c·s²/k + c_p·s_p²/k_p + fixed, where fixed = h²/3 + V; degrees of freedom by Welch and
    Satterthwaite over the two sample terms. Theirs without a known spread is one draw like ours:
    SE² = s²·(1 + 1/k) + fixed, with k - 1 degrees of freedom.
    """
    if ours.sd is None or ours.runs < 2:
        raise ValueError(f"{ours.runs} run has no spread; two runs at least are wanted")
    if theirs.sd is None:
        squared = np.square(ours.sd) * (1 + 1 / ours.runs) + fixed
        return np.sqrt(squared), np.full(np.shape(squared), ours.runs - 1.0)
    if theirs.runs < 2:
        raise ValueError("a spread of one run is none; leave it out (sd=None)")
    a = variance_factor(ours.aggregation) * np.square(ours.sd) / ours.runs
    b = variance_factor(theirs.aggregation) * np.square(theirs.sd) / theirs.runs
    below = np.square(a) / (ours.runs - 1) + np.square(b) / (theirs.runs - 1)
    unbounded = np.full(np.shape(below), np.inf)
    freedom = np.divide(np.square(a + b), below, out=unbounded, where=below > 0)
    return np.sqrt(a + b + fixed), freedom


def compare(ours: Side, theirs: Side, *, margin: Numbers, fixed: Numbers = 0.0) -> Comparison:
    """Ours against theirs: equivalent, different or neither, at 5 % for each one-sided test.

    Equivalent: the 90 % interval d ± t(0.95)·SE lies inside (-margin, margin), which is the same
    as rejecting both one-sided hypotheses (Schuirmann 1987). Different: it lies wholly outside.
    Probability: P(|D| ≤ margin) with D = d + SE · T, T by Student's t.
    """
    difference = np.asarray(ours.value - theirs.value, dtype=float)
    error, freedom = standard_error(ours, theirs, fixed=fixed)
    half = quantile(1 - ALPHA, freedom) * error
    low, high = difference - half, difference + half
    label = np.where((low > -margin) & (high < margin), EQUIVALENT, INCONCLUSIVE)
    label = np.where((low >= margin) | (high <= -margin), DIFFERENT, label)
    return Comparison(
        difference=difference,
        standard_error=error,
        degrees_of_freedom=freedom,
        low=low,
        high=high,
        label=label,
        within=np.abs(difference) < margin,
        probability=probability_within(difference, error, freedom=freedom, margin=margin),
    )


def probability_within(
    difference: Numbers, error: Numbers, *, freedom: Numbers, margin: Numbers
) -> Numbers:
    """P(|D| ≤ margin) for D = difference + error · T; without an error it is 0 or 1."""
    certain = np.abs(difference) < margin
    scale = np.where(error > 0, error, 1.0)
    upper = cumulative((margin - difference) / scale, freedom)
    lower = cumulative((-margin - difference) / scale, freedom)
    return np.where(error > 0, upper - lower, certain)


def prediction(ours: Side, *, runs: int, aggregation: str, fixed: Numbers) -> tuple[float, float]:
    """95 % interval for one more aggregate of `runs` runs like ours.

    x̄ ± t(0.975, k - 1) · sqrt(s²·(c/k + c_p/k_p) + fixed). A value inside is compatible with our
    runs, which says little: the wider our spread, the more is compatible (Hahn and Meeker 1991).
    """
    if ours.sd is None:
        raise ValueError("one run has no spread; two runs at least are wanted")
    shares = variance_factor(ours.aggregation) / ours.runs + variance_factor(aggregation) / runs
    half = quantile(0.975, ours.runs - 1.0) * math.sqrt(float(ours.sd) ** 2 * shares + float(fixed))
    return float(ours.value) - half, float(ours.value) + half


def quantile(probability: float, freedom: Numbers) -> Numbers:
    """Student's t: the value that T stays below with this probability; normal for inf."""
    return special.stdtrit(freedom, probability)


def cumulative(value: Numbers, freedom: Numbers) -> Numbers:
    """Student's t: P(T ≤ value); normal for infinite degrees of freedom."""
    return special.stdtr(freedom, value)
