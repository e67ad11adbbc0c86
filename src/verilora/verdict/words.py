"""Results in plain words."""

from __future__ import annotations

from verilora.records.measurement import Measured, Reported
from verilora.verdict.readings import decimals_of
from verilora.verdict.statistics import side_of

PRINTED = 4
"""Digits after the point that a table has at most."""
SAID = {
    "equivalent": "it lies within them, so the two are the same within the margin",
    "different": "it lies wholly outside them, so the two differ by more than the margin",
    "inconclusive": "it lies partly within and partly outside them, so that neither is shown",
}


def points(unit: str) -> str:
    """What a difference is counted in: "points" for percentages, else the unit itself."""
    return "points" if unit == "percent" else unit


def interval_told(low: float, high: float, *, margin: float, unit: str) -> str:
    """ "the 90 % interval of the difference is [-0.971, 0.571], the margins are ±1.4 points"."""
    ends = ", ".join(f"{round(end, 3) + 0.0:g}" for end in (low, high))
    interval = f"the 90 % interval of the difference is [{ends}]"
    return f"{interval}, the margins are ±{margin:.3g} {points(unit)}"


def summary(
    reported: Reported,
    measured: Measured,
    *,
    margin: float,
    decision: str | None,
    them: str = "the paper says",
) -> str:
    """One sentence: what was measured, what is reported, and whether that is the same.

    "5 runs gave 89.5 ± 0.6; the paper says 89.7 ± 0.7; the same within 1.4."
    """
    decimals = decimals_of(reported)
    # More digits than anybody prints are those of a computed number.
    digits = max(1, decimals) if decimals <= PRINTED else 2
    runs = len(measured.values)
    value, sd = _ours(reported, measured)
    spread = f" ± {sd:.{digits}f}" if sd is not None else ""
    ours = f"{runs} run{'s' if runs > 1 else ''} gave {value:.{digits}f}{spread}"
    beside = f" ± {reported.spread:.{digits}f}" if reported.spread is not None else ""
    theirs = f"{them} {reported.value:.{digits}f}{beside}"
    apart = f"{abs(value - reported.value):.{digits}f}"
    apart += " above" if value > reported.value else " below"
    return f"{ours}; {theirs}; {_outcome(apart, f'{margin:.3g}', decision=decision)}."


def _ours(reported: Reported, measured: Measured) -> tuple[float, float | None]:
    side = side_of(measured.values, "median" if reported.aggregation == "median" else "mean")
    return float(side.value), None if side.sd is None else float(side.sd)


def _outcome(apart: str, margin: str, *, decision: str | None) -> str:
    if decision == "equivalent":
        return f"the same within {margin}"
    if decision == "different":
        return f"{apart}, which is more than {margin}"
    return f"whether that is the same within {margin} is not settled"
