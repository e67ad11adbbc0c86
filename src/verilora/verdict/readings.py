"""Reading what a paper prints: 89.7 ± .7 can mean several things, and each is tried.

Where the paper does not say what its ± is, or how its runs were put together, the comparison is
made under every reading and the weakest outcome is kept.

Sources: the standard error and the interval of a mean, any text; Cramér 1946, section 28.5, for
the median; Sheppard 1898 for rounding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import numpy as np

from verilora.errors import DataError
from verilora.records.measurement import Reported
from verilora.verdict.statistics import (
    INCONCLUSIVE,
    Comparison,
    Side,
    compare,
    quantile,
    resolution,
    side_of,
    slice_variance,
    variance_factor,
)

UNKNOWN_KIND = ("sd", "ci95")
"""A ± whose kind is not stated is taken as each of these."""
SHARES = frozenset({"accuracy", "acc", "exact match", "exact_match", "em", "error", "error rate"})


@dataclass(frozen=True)
class Reading:
    """One way to take the printed number: `sd = spread · factor`; factor None: no usable spread."""

    told: str
    aggregation: str
    factor: float | None


@dataclass(frozen=True)
class Setting:
    """All that a comparison needs besides the numbers that vary from run to run."""

    margin: float
    readings: tuple[Reading, ...]
    runs: int
    """Of the paper; 1 where it is one draw."""
    decimals: int
    evaluated: int | None = None
    full_size: int | None = None
    """Items; both None: the whole split was evaluated."""


@dataclass(frozen=True)
class Outcome:
    """The comparison that is kept, the reading it was made under, and the label of them all."""

    comparison: Comparison
    reading: Reading
    label: Any
    within: Any
    probability: Any
    """The smallest of all readings."""
    fixed: float


def readings_of(reported: Reported) -> tuple[Reading, ...]:
    """Every way in which the paper's number can be meant."""
    ways = (reported.aggregation,) if reported.aggregation else ("mean", "median")
    runs = reported.runs or 1
    if reported.spread is None:
        return tuple(Reading("no spread printed", way, None) for way in ways)
    if runs < 2:
        told = "spread of an unknown number of runs" if reported.runs is None else "one run"
        return tuple(Reading(told, way, None) for way in ways)
    kind = reported.spread_kind or "unknown"
    kinds = UNKNOWN_KIND if kind == "unknown" else (kind,)
    return tuple(
        Reading(f"± taken as {_KINDS[kind]}", way, _factor(kind, way, runs=runs))
        for way in ways
        for kind in kinds
    )


def setting_of(
    reported: Reported, margin: float, *, evaluated: int | None, full_size: int | None
) -> Setting:
    """The setting in which runs are compared with what is reported."""
    readings = readings_of(reported)
    usable = readings[0].factor is not None
    return Setting(
        margin=margin,
        readings=readings,
        runs=reported.runs if usable and reported.runs else 1,
        decimals=decimals_of(reported),
        evaluated=evaluated,
        full_size=full_size,
    )


def assess(values: Any, value: Any, *, spread: Any | None, setting: Setting) -> Outcome:
    """Our values [..., runs] against the paper's (value, spread), each [...], under all readings.

    The label is that of all readings where they agree, else inconclusive; the comparison kept is
    the one with the weakest label, and of those the one with the largest error. Whether a spread
    is used depends on the reading; without one the paper's value counts as one draw like ours,
    or like the printed spread where that is larger.
    """
    outcomes = [
        _assess_as(reading, values, value=value, spread=spread, setting=setting)
        for reading in setting.readings
    ]
    labels = np.stack([outcome.label for outcome in outcomes])
    agreed = np.where((labels == labels[0]).all(axis=0), labels[0], INCONCLUSIVE)
    kept = min(outcomes, key=_strength)
    return replace(
        kept,
        label=agreed,
        within=np.all([outcome.within for outcome in outcomes], axis=0),
        probability=np.min([outcome.probability for outcome in outcomes], axis=0),
    )


def default_margin(
    reported: Reported, *, items: int | None, advantage: float | None = None
) -> tuple[float, str]:
    """(margin in the metric's points, why) where none was declared.

    The larger of 2·s_p and one item (100/N percent); without s_p 1.0 point from 1000 items on,
    else 1.5. A spread whose kind is not stated is taken as a standard deviation here (a margin is
    a convention; the label is still the weakest of all readings). A claim that one method beats
    another by `advantage` never gets more than half of that.
    Raises DataError where no default is sound: no spread in a metric that is not in percent.
    """
    margin, why = _spread_margin(reported, items) or _plain_margin(reported, items)
    if advantage is not None and margin > abs(advantage) / 2:
        return abs(advantage) / 2, f"half of the {abs(advantage):g} by which one beats the other"
    return margin, why


def decimals_of(reported: Reported) -> int:
    """Digits after the point: those recorded, or those that the value itself shows if more."""
    return max(reported.decimals or 0, shown_decimals(reported.value))


def shown_decimals(value: float) -> int:
    """Digits after the point in the shortest form of the number; 0 for a whole one."""
    exponent = Decimal(repr(float(value))).normalize().as_tuple().exponent
    return min(15, max(0, -int(exponent)))


def is_share(metric: str | None) -> bool:
    """True if the metric is a share of right (or wrong) items, so that n items limit its values."""
    name = " ".join((metric or "").casefold().split())
    return name in SHARES or (name.endswith(" accuracy") and "balanced" not in name)


_KINDS = {
    "sd": "standard deviation of the runs",
    "se": "standard error",
    "ci95": "half of a 95 % interval",
}


def _factor(kind: str, aggregation: str, *, runs: int) -> float:
    # From the error of the aggregate, sqrt(c / k) · sd, back to the sd of single runs.
    back = math.sqrt(runs / variance_factor(aggregation))
    if kind == "se":
        return back
    return 1.0 if kind == "sd" else back / float(quantile(0.975, runs - 1.0))


def _assess_as(
    reading: Reading, values: Any, *, value: Any, spread: Any | None, setting: Setting
) -> Outcome:
    ours = side_of(values, "median" if reading.aggregation == "median" else "mean")
    fixed: Any = resolution(setting.decimals) ** 2 / 3
    if setting.evaluated is not None and setting.full_size is not None:
        fixed = fixed + slice_variance(
            ours.value, evaluated=setting.evaluated, full_size=setting.full_size
        )
    theirs = Side(value, None, 1)
    if reading.factor is not None and spread is not None:
        theirs = Side(value, spread * reading.factor, setting.runs, reading.aggregation)
    elif spread is not None and ours.sd is not None:
        ours = replace(ours, sd=np.maximum(ours.sd, spread))
    found = compare(ours, theirs, margin=setting.margin, fixed=fixed)
    return Outcome(found, reading, found.label, found.within, found.probability, fixed)


def _strength(outcome: Outcome) -> tuple[bool, float]:
    # For arrays only the label is used by callers; the means make the order total.
    inconclusive = bool(np.all(outcome.label == INCONCLUSIVE))
    return not inconclusive, -float(np.mean(outcome.comparison.standard_error))


def _spread_margin(reported: Reported, items: int | None) -> tuple[float, str] | None:
    if reported.spread is None:
        return None
    kind = reported.spread_kind or "unknown"
    taken = reported.replace(spread_kind="sd" if kind == "unknown" else kind)
    factors = [reading.factor for reading in readings_of(taken) if reading.factor is not None]
    doubled = 2 * min(factors, default=1.0) * reported.spread
    item = 100 / items if items and reported.unit == "percent" else 0.0
    if max(doubled, item) <= 0:
        return None
    if doubled >= item:
        return doubled, f"twice the standard deviation of the paper's runs ({doubled / 2:.3g})"
    return item, f"one item of {items}"


def _plain_margin(reported: Reported, items: int | None) -> tuple[float, str]:
    if reported.unit != "percent":
        raise DataError(
            f"found no spread beside {reported.value:g} {reported.unit}, so that no margin follows "
            "by default; declare one in the preregistration (margin)",
            file=None,
            line=None,
        )
    if items is not None and items >= 1000:
        return 1.0, f"no spread is known; 1.0 point for {items} items (1000 or more)"
    told = f"{items} items" if items else "an unknown number of items"
    return 1.5, f"no spread is known; 1.5 points for {told} (fewer than 1000)"
