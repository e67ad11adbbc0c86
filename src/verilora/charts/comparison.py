"""What there is to draw of a verdict, in words and plain numbers: ours beside the paper's.

One row for each thing: the paper's value, each seed, what they come to. The margin is a band
through all rows, so that the decision can be seen: the 90 % interval of the difference, drawn at
the paper's value, lies inside the band, outside of it, or partly. Must not know how to judge.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from verilora.charts.told import MOST_NAMED, caption
from verilora.charts.words import digits_of, printed, unit_label
from verilora.records.measurement import Measured, Reported
from verilora.records.verdict import Plan, Verdict, VerdictDocument

Kind = Literal["paper", "reference", "seed", "failed", "ours"]
Span = tuple[float, float]
NEAR = 0.6
"""Widths of the rest by which the axis may grow to show the majority class."""


@dataclass(frozen=True)
class Row:
    """One line of the picture. `values` is empty for a run that gave no number."""

    label: str
    kind: Kind
    values: tuple[float, ...]
    span: Span | None = None
    """The paper's ±, or the 90 % interval of the difference placed around our aggregate."""
    text: str = ""


@dataclass(frozen=True)
class Comparison:
    """A verdict as a picture: `band` is the margin around `centre`, the value compared with."""

    axis: str
    rows: tuple[Row, ...]
    centre: float
    band: Span | None
    band_label: str
    majority: tuple[float, str] | None
    """Only if it lies near enough to be drawn."""
    limits: Span
    caption: str


def read_verdict(document: VerdictDocument) -> tuple[Verdict | None, Plan | None]:
    """The verdict that a document is about, and the plan that was fixed before, if it is there."""
    kinds = document.verdicts
    verdict = document.verdict or (kinds and (kinds.post or kinds.pre)) or None
    before = (kinds.pre if kinds else None) or verdict
    return verdict, before.plan if before else None


def compare(document: VerdictDocument) -> Comparison | None:
    """What there is to draw; None if the document has no reported number with a unit."""
    verdict, plan = read_verdict(document)
    if verdict is None or verdict.reported is None:
        return None
    reported = verdict.reported
    ours = verdict.measured
    if ours is not None and ours.unit != reported.unit:
        ours = None
    rows = [_paper(verdict, plan), *_reference(verdict), *_seeds(ours, reported)]
    rows += [_aggregate(verdict, ours)] if ours is not None and ours.values else []
    margin = _margin(verdict, plan)
    band = (reported.value - margin, reported.value + margin) if margin else None
    limits, majority = _limits(rows, band, majority=_majority(verdict, plan))
    return Comparison(
        axis=unit_label(verdict.claim_citation, reported.unit),
        rows=tuple(rows),
        centre=reported.value,
        band=band,
        band_label=f"margin ±{margin:.3g}" if margin else "",
        majority=majority,
        limits=limits,
        caption=caption(verdict, plan, margin=margin, drawn=majority is not None),
    )


def place_of_ours(verdict: Verdict) -> float | None:
    """Our aggregate as it was compared: the paper's value and the difference, where it is known."""
    reported, measured = verdict.reported, verdict.measured
    if reported is not None and verdict.statistics is not None:
        return reported.value + verdict.statistics.difference
    if measured is None or not measured.values:
        return None
    if measured.value is not None:
        return measured.value
    way = statistics.median if measured.aggregation == "median" else statistics.fmean
    return way(measured.values)


def _paper(verdict: Verdict, plan: Plan | None) -> Row:
    reported = verdict.reported
    assert reported is not None
    value, spread = reported.value, reported.spread
    span = None if not spread else (value - spread, value + spread)
    # The left side has room for a few words; the caption has them all.
    named = plan.reference.name.split(" of ")[0] if plan and plan.reference else "the paper"
    label = named if len(named) <= 18 else "the reference"
    return Row(label, "paper", (value,), span, printed(reported))


def _reference(verdict: Verdict) -> list[Row]:
    measured, reported = verdict.reference_measured, verdict.reported
    if measured is None or reported is None or measured.unit != reported.unit:
        return []
    return [Row("its seeds", "reference", measured.values, text=_count(len(measured.values)))]


def _seeds(measured: Measured | None, reported: Reported) -> list[Row]:
    if measured is None:
        return []
    seeds = measured.seeds or (None,) * len(measured.values)
    rows = [
        _seed(seed, value, failed=seed in measured.failed, digits=digits_of(reported))
        for seed, value in zip(seeds, measured.values, strict=True)
    ]
    if len(rows) > MOST_NAMED:
        rows = _together(rows)
    without = [seed for seed in measured.failed if seed not in seeds]
    return [*rows, *(Row(f"seed {seed}", "failed", (), text="failed") for seed in without)]


def _seed(seed: int | None, value: float, *, failed: bool, digits: int) -> Row:
    label = "a run" if seed is None else f"seed {seed}"
    kind: Kind = "failed" if failed else "seed"
    return Row(label, kind, (value,), text=f"{value:.{digits}f}{' failed' if failed else ''}")


def _together(rows: Sequence[Row]) -> list[Row]:
    whole = [row for row in rows if row.kind == "seed"]
    values = tuple(value for row in whole for value in row.values)
    together = Row(f"{len(whole)} seeds", "seed", values, text="")
    return [together, *(row for row in rows if row.kind == "failed")]


def _aggregate(verdict: Verdict, measured: Measured) -> Row:
    reported, found = verdict.reported, verdict.statistics
    value = place_of_ours(verdict)
    assert reported is not None and value is not None
    span = None
    if found is not None:
        span = (reported.value + found.interval90[0], reported.value + found.interval90[1])
    count = len(measured.values)
    way = "median" if measured.aggregation == "median" else "mean"
    label = "ours" if count == 1 else f"{way} of {count}"
    return Row(label, "ours", (value,), span, f"{value:.{digits_of(reported)}f}")


def _margin(verdict: Verdict, plan: Plan | None) -> float | None:
    if verdict.statistics is not None:
        return verdict.statistics.margin
    return plan.margin if plan is not None else None


def _majority(verdict: Verdict, plan: Plan | None) -> float | None:
    held = verdict.sanity.majority if verdict.sanity else None
    return held if held is not None else plan.majority if plan else None


def _limits(
    rows: Sequence[Row], band: Span | None, *, majority: float | None
) -> tuple[Span, tuple[float, str] | None]:
    shown = [value for row in rows for value in (*row.values, *(row.span or ()))]
    shown += [*band] if band else []
    low, high = min(shown), max(shown)
    width = high - low or max(1.0, abs(low) * 1e-3)
    mark = None
    if majority is not None and low - NEAR * width <= majority <= high + NEAR * width:
        mark = (majority, f"majority class {majority:.1f}")
        low, high = min(low, majority), max(high, majority)
    room = 0.07 * max(high - low, width)
    return (low - room, high + room), mark


def _count(runs: int) -> str:
    return f"{runs} run{'' if runs == 1 else 's'}"
