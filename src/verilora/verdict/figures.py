"""From a comparison to what is written down, and to the populations that repeats are drawn from."""

from __future__ import annotations

from typing import Any

import numpy as np

from verilora.records.measurement import Measured, Reported, Statistics
from verilora.verdict.bootstrap import Model
from verilora.verdict.readings import Outcome, Reading, Setting
from verilora.verdict.statistics import prediction, side_of, slice_variance

DIGITS = 6
"""Digits after the point of what is written down; beyond them machines differ."""


def statistics_of(
    reported: Reported,
    measured: Measured,
    *,
    setting: Setting,
    outcome: Outcome,
    margin_source: str,
) -> Statistics:
    """The record of a comparison, rounded to six digits."""
    found, reading = outcome.comparison, outcome.reading
    ours = side_of(np.array(measured.values), reading.aggregation)
    likely = prediction(
        ours, runs=setting.runs, aggregation=reading.aggregation, fixed=outcome.fixed
    )
    freedom = float(found.degrees_of_freedom)
    return Statistics(
        unit=reported.unit,
        margin=setting.margin,
        margin_source=margin_source,
        difference=rounded(found.difference),
        standard_error=rounded(found.standard_error),
        degrees_of_freedom=rounded(freedom) if np.isfinite(freedom) else None,
        interval90=(rounded(found.low), rounded(found.high)),
        prediction95=(rounded(likely[0]), rounded(likely[1])),
        compatible=bool(likely[0] <= reported.value <= likely[1]),
        method=_method(setting, outcome),
    )


def model_of(
    reported: Reported, measured: Measured, *, setting: Setting, outcome: Outcome | None
) -> Model | None:
    """The normal populations that the numbers suggest; None if no spread is known anywhere."""
    reading = outcome.reading if outcome else _usable(setting)
    usable = reading.factor is not None
    ours = side_of(np.array(measured.values), reading.aggregation)
    printed = None if reported.spread is None else reported.spread * (reading.factor or 1.0)
    known = [float(sd) for sd in (ours.sd, printed) if sd is not None]
    if not known:
        return None
    sd = known[0] if usable else max(known)
    part = 0.0
    if setting.evaluated is not None and setting.full_size is not None:
        part = float(
            slice_variance(ours.value, evaluated=setting.evaluated, full_size=setting.full_size)
        )
    return Model(
        centre=float(ours.value),
        sd=sd,
        runs=len(measured.values),
        paper_centre=reported.value,
        paper_sd=printed if usable and printed is not None else sd,
        aggregation=reading.aggregation,
        spread_shown=1 / reading.factor if reading.factor is not None else None,
        fixed=part,
    )


def rounded(value: Any) -> float:
    """To six digits after the point, without a minus zero."""
    return round(float(value), DIGITS) + 0.0


def _usable(setting: Setting) -> Reading:
    with_spread = [reading for reading in setting.readings if reading.factor is not None]
    return (with_spread or list(setting.readings))[0]


def _method(setting: Setting, outcome: Outcome) -> str:
    reading = outcome.reading
    of = "medians" if reading.aggregation == "median" else "means"
    freedom = "Welch and Satterthwaite" if reading.factor is not None else "one draw, k - 1"
    told = [
        f"two one-sided t tests at 0.05 (Schuirmann 1987) on the difference of {of}",
        f"degrees of freedom: {freedom}",
        reading.told,
    ]
    if len(setting.readings) > 1:
        told.append(f"the weakest of {len(setting.readings)} readings of the paper's number")
    if setting.evaluated is not None and setting.evaluated != setting.full_size:
        told.append(f"{setting.evaluated} of {setting.full_size} items (Cochran 1977)")
    return "; ".join(told)
