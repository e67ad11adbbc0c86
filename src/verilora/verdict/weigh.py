"""A case -> its level, its gates and what follows: the one way, for making and for judging."""

from __future__ import annotations

from dataclasses import dataclass

from verilora.errors import DataError
from verilora.records.measurement import Measured, Reported
from verilora.records.protocol import Level
from verilora.records.verdict import Gate, Status, Verdict
from verilora.verdict.case import Case, is_to_measure
from verilora.verdict.comparison import comparison_margin
from verilora.verdict.decide import Evidence, Ruling, decide
from verilora.verdict.gates import REGISTRATION, UNITS, check_gates
from verilora.verdict.limits import (
    FEWEST_TO_CONFIRM,
    UNSHOWN,
    Limit,
    Reason,
    Standing,
    limits,
)
from verilora.verdict.lower import lowest_of
from verilora.verdict.protocol import CONFIDENCE, deviations, level_of, lowest
from verilora.verdict.readings import default_margin


@dataclass(frozen=True)
class Weighed:
    """Level and gates of a case, and the ruling; `highest` where no ruling can be made."""

    level: Level
    gates: tuple[Gate, ...]
    ruling: Ruling | None
    highest: Status
    reasons: tuple[Reason, ...]
    confidence: float
    """Probability at most."""


def weigh(case: Case) -> Weighed:
    """Everything that follows from a case, from its numbers where it has them.

    Without runs, or with units mixed up, nothing can be decided, and `highest` is what the rules
    still allow the verdict to say; of a preregistration, what may come of it if all goes well.
    Raises DataError where a margin is wanted and none is sound.
    """
    verdict, level, gates = case.verdict, find_level(case.verdict), check_gates(case)
    passed = {gate.rule: gate.passed for gate in gates}
    registered = passed[REGISTRATION] is True
    evidence = None
    if passed[UNITS] is not False:
        evidence = _evidence(case, level, gates=gates, registered=registered)
    if evidence is not None:
        ruling = decide(evidence)
        reasons = (*ruling.reasons, *_wide(evidence))
        return Weighed(level, gates, ruling, ruling.status, reasons, ruling.confidence)
    found = _limits(verdict, level, gates=gates, registered=registered)
    highest = lowest_of([limit.ceiling for limit in found], start="reproduced")
    reasons = tuple(limit.reason for limit in found)
    return Weighed(level, gates, None, highest, reasons, CONFIDENCE[level])


def _limits(
    verdict: Verdict, level: Level, *, gates: tuple[Gate, ...], registered: bool
) -> list[Limit]:
    before = verdict.kind == "PRE"
    runs = len(verdict.measured.values) if verdict.measured else 0
    others = _others(verdict)
    if before:
        runs = len(verdict.plan.seeds) if verdict.plan else FEWEST_TO_CONFIRM
        reference = verdict.plan and verdict.plan.reference
        others = len(reference.seeds) if reference else None
    standing = Standing(
        level=level,
        runs=runs,
        numbers=runs,
        registered=registered or before,
        gates=gates,
        deviations=_deviations(verdict),
        reference_runs=others,
        planned=before,
    )
    # What can only be known after the runs is no fault of a preregistration.
    return [limit for limit in limits(standing) if not (before and limit.name == UNSHOWN)]


def find_level(verdict: Verdict) -> Level:
    """The level that the rows add up to, never above the one that is declared.

    Without rows nothing shows that the protocol was followed: proxy at most. So is a part of the
    evaluation items, whatever the rows say. Without a number of the paper, and no reference to
    measure, there is nothing to reproduce: unknown.
    """
    declared = verdict.protocol_match
    citation = verdict.claim_citation
    numbered = citation is not None and citation.reported_value is not None
    if verdict.reported is None and not numbered and not is_to_measure(verdict):
        return "unknown"
    if not verdict.protocol:
        return lowest([declared or "unknown", "proxy"])
    part: Level = "proxy" if _part(verdict) else "exact"
    return lowest([level_of(verdict.protocol), declared or "exact", part])


def _deviations(verdict: Verdict) -> tuple[str, ...]:
    told = deviations(verdict.protocol) if verdict.protocol else ()
    part = _part(verdict)
    return (*told, part) if part else told


def _part(verdict: Verdict) -> str | None:
    measured = verdict.measured
    if measured is None or measured.evaluated is None or measured.full_size is None:
        return None
    if measured.evaluated == measured.full_size:
        return None
    return f"{measured.evaluated} of {measured.full_size} evaluation items were used"


def _wide(evidence: Evidence) -> tuple[Reason, ...]:
    """A margin wider than the default is allowed where it was declared, and always said."""
    try:
        usual, why = _usual(evidence.reported, evidence.measured, others=evidence.reference_runs)
    except DataError:
        return ()
    if evidence.margin <= usual * (1 + 1e-9):
        return ()
    told = f"the margin, {evidence.margin:.3g}, is wider than the usual {usual:.3g} ({why})"
    return (Reason(name="wide-margin", sentence=f"{told}; declared as: {evidence.margin_source}"),)


def _evidence(
    case: Case, level: Level, *, gates: tuple[Gate, ...], registered: bool
) -> Evidence | None:
    verdict = case.verdict
    reported, measured = verdict.reported, verdict.measured
    if verdict.kind != "POST" or reported is None or measured is None or not measured.values:
        return None
    margin, source = _margin(case, registered)
    return Evidence(
        reported=reported,
        measured=measured,
        metric=verdict.claim_citation.reported_metric if verdict.claim_citation else None,
        margin=margin,
        margin_source=source,
        level=level,
        registered=registered,
        gates=gates,
        deviations=_deviations(verdict),
        reference_runs=_others(verdict),
    )


def _others(verdict: Verdict) -> int | None:
    return len(verdict.reference_measured.values) if verdict.reference_measured else None


def _usual(reported: Reported, measured: Measured, *, others: int | None) -> tuple[float, str]:
    items = measured.full_size or reported.items
    if others is not None:
        return comparison_margin(reported.unit, items)
    return default_margin(reported, items=items)


def _margin(case: Case, registered: bool) -> tuple[float, str]:
    """The preregistered margin; without one the default, or what is stated if that is smaller."""
    plan = case.preregistration.plan if case.preregistration else None
    if registered and plan is not None:
        return plan.margin, plan.margin_source
    verdict = case.verdict
    stated = verdict.statistics.margin if verdict.statistics else None
    assert verdict.reported is not None and verdict.measured is not None
    if verdict.reported.unit != "percent" and verdict.reported.spread is None and stated:
        return stated, "as stated, not preregistered"
    margin, source = _usual(verdict.reported, verdict.measured, others=_others(verdict))
    if stated is not None and stated < margin:
        return stated, "as stated, not preregistered"
    return margin, source
