"""Protocol rows -> level -> what a verdict may be at most."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from verilora.records.protocol import DIMENSIONS, LEVELS, Level, Row
from verilora.records.verdict import Status

MINOR = frozenset({"precision", "environment"})
"""Dimensions in which a difference leaves the protocol near; in any other it makes a proxy."""
HIGHEST: dict[Level, tuple[Status, ...]] = {
    "exact": ("reproduced", "not_reproduced"),
    "near": ("reproduced",),
    "proxy": ("partial",),
    "unknown": ("pending",),
}
"""The strongest statuses at each level: a near protocol can confirm, and cannot refute."""
CONFIDENCE: dict[Level, float] = {"exact": 0.99, "near": 0.85, "proxy": 0.60, "unknown": 0.30}
"""Probability at most."""


def level_of(rows: Iterable[Row]) -> Level:
    """The level that the rows add up to: the weakest that any row allows.

    A row that is unknown, or a dimension without a row, makes the whole unknown. A difference in
    precision, hardware or libraries, or a silent row filled after the runs, makes it near; any
    other difference makes it a proxy. Worsening a row never raises the level; rows worsen in the
    order same, equivalent, silent and filled before, silent and filled after, different, unknown.
    """
    given: dict[str, Row] = {row.dimension: row for row in rows}
    if set(DIMENSIONS) - set(given):
        return "unknown"
    return lowest([level_of_row(row) for row in given.values()])


def level_of_row(row: Row) -> Level:
    """The highest level that a protocol with this row can have."""
    if row.state == "unknown":
        return "unknown"
    if row.state == "different":
        return "near" if row.dimension in MINOR else "proxy"
    if row.state == "paper_silent" and row.filled == "after":
        return "near"
    return "exact"


def lowest(levels: Iterable[Level]) -> Level:
    """The weakest of the levels; exact if there is none."""
    return LEVELS[max((LEVELS.index(level) for level in levels), default=0)]


def three_levels(level: Level) -> Level:
    """The level where exact, proxy and unknown alone are asked for: near counts as proxy."""
    return "proxy" if level == "near" else level


def deviations(rows: Sequence[Row]) -> tuple[str, ...]:
    """One sentence for each row that keeps the level below exact, in the order of DIMENSIONS."""
    given = {row.dimension: row for row in rows}
    return tuple(
        _told(name, given.get(name))
        for name in DIMENSIONS
        if name not in given or level_of_row(given[name]) != "exact"
    )


def _told(name: str, row: Row | None) -> str:
    title = DIMENSIONS[name]
    if row is None:
        return f"{title}: not recorded"
    why = f" ({row.reason})" if row.reason else ""
    if row.state == "paper_silent":
        return f"{title}: the paper is silent; chosen after the runs: {row.ours or 'not said'}{why}"
    paper, ours = row.paper or "not said", row.ours or "not said"
    if row.state == "unknown":
        return f"{title}: unknown (paper: {paper}; here: {ours}){why}"
    return f"{title}: the paper has {paper}, here it is {ours}{why}"
