"""The decision: from the paper's number and our runs to status, score and confidence.

The same function is used when a verdict is made and when one is judged, so that both agree.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from verilora.errors import DataError
from verilora.records.measurement import Measured, Reported, Statistics
from verilora.records.protocol import Level
from verilora.records.verdict import Decision, Gate, Status
from verilora.verdict.bootstrap import confidence, findings
from verilora.verdict.figures import model_of, rounded, statistics_of
from verilora.verdict.limits import Finding, Reason, Standing, label_of, limits, status_of
from verilora.verdict.readings import Outcome, Setting, assess, is_share, setting_of
from verilora.verdict.statistics import INCONCLUSIVE, LABELS
from verilora.verdict.words import SAID, interval_told, points


@dataclass(frozen=True)
class Evidence:
    """All that a decision rests on."""

    reported: Reported
    measured: Measured
    metric: str | None
    margin: float
    margin_source: str
    level: Level
    registered: bool
    """A preregistration made before the runs is at hand, and they kept to it."""
    gates: tuple[Gate, ...] = ()
    deviations: tuple[str, ...] = ()
    """What keeps the level down, a sentence each."""
    reference_runs: int | None = None
    """Of the other side with a number, where both are measured."""


@dataclass(frozen=True)
class Ruling:
    """What follows from the evidence. Score and confidence are probabilities."""

    status: Status
    decision: Decision
    score: float | None
    confidence: float
    statistics: Statistics | None
    reasons: tuple[Reason, ...]


def decide(evidence: Evidence) -> Ruling:
    """Status, decision and the statistics behind them; the order of the runs does not matter.

    reproduced: equivalent, level exact or near, at least 3 runs, preregistered, sanity gates
    passed. not_reproduced: different, level exact, at least 5 runs, all on the same side, and the
    rest as before. A proxy whose value lies within the margin is partial. Otherwise inconclusive,
    or pending while the protocol is unknown.
    Raises DataError if the units differ, if no run has a number, or if the margin is not above 0.
    """
    refuse_mixed(evidence)
    reported, measured = evidence.reported, evidence.measured
    setting, standing = _setting(evidence), _standing(evidence)
    values = np.array(measured.values)
    label, within, one_side = findings(
        values, reported.value, spread=reported.spread, setting=setting
    )
    finding = Finding(int(label), bool(within), bool(one_side))
    outcome = None
    if len(values) > 1:
        outcome = assess(values, reported.value, spread=reported.spread, setting=setting)
    status = status_of(finding, standing)
    model = model_of(reported, measured, setting=setting, outcome=outcome)
    others = tuple(limit.reason for limit in limits(standing, finding))
    return Ruling(
        status=status,
        decision=LABELS[label_of(finding, standing)],  # type: ignore[arg-type]
        score=None if outcome is None else rounded(outcome.probability),
        confidence=confidence(model, status=status, setting=setting, standing=standing),
        statistics=_statistics(evidence, setting, outcome=outcome),
        reasons=(_first(evidence, finding, standing=standing, outcome=outcome), *others),
    )


def refuse_mixed(evidence: Evidence) -> None:
    """Raises DataError for what cannot be compared at all."""
    ours, theirs = evidence.measured.unit, evidence.reported.unit
    if ours != theirs:
        raise _refused(
            f"measured in {ours} and reported in {theirs}; state both in one unit (a fraction "
            "times 100 is percent)"
        )
    if not evidence.measured.values:
        raise _refused("no run has a number; at least one measured value is wanted")
    if evidence.margin <= 0:
        raise _refused(f"the margin is {evidence.margin:g}; a number above 0 is wanted")


def _refused(message: str) -> DataError:
    return DataError(message, file=None, line=None)


def _setting(evidence: Evidence) -> Setting:
    measured = evidence.measured
    known = measured.evaluated is not None and measured.full_size is not None
    partly = known and is_share(evidence.metric)
    return setting_of(
        evidence.reported,
        evidence.margin,
        evaluated=measured.evaluated if partly else None,
        full_size=measured.full_size if partly else None,
    )


def _standing(evidence: Evidence) -> Standing:
    measured = evidence.measured
    without = set(measured.failed) - set(measured.seeds or ())
    made = max(measured.runs or 0, len(measured.values) + len(without))
    return Standing(
        level=evidence.level,
        runs=made,
        numbers=len(measured.values),
        registered=evidence.registered,
        gates=evidence.gates,
        deviations=evidence.deviations,
        reference_runs=evidence.reference_runs,
        undecided=_undecided(evidence, made),
    )


def _undecided(evidence: Evidence, made: int) -> str | None:
    measured = evidence.measured
    if len(measured.values) < made:
        return "some runs gave no number"
    evaluated, full_size = measured.evaluated, measured.full_size
    if evaluated is None or full_size is None or evaluated == full_size:
        return None
    if is_share(evidence.metric):
        return None
    part = f"{evaluated} of {full_size} items"
    return f"what {part} say about all is not known for {evidence.metric or 'this metric'}"


def _statistics(
    evidence: Evidence, setting: Setting, *, outcome: Outcome | None
) -> Statistics | None:
    if outcome is None:
        return None
    return statistics_of(
        evidence.reported,
        evidence.measured,
        setting=setting,
        outcome=outcome,
        margin_source=evidence.margin_source,
    )


def _first(
    evidence: Evidence, finding: Finding, *, standing: Standing, outcome: Outcome | None
) -> Reason:
    unit = evidence.reported.unit
    if outcome is None:
        told = f"one run has no spread, so that nothing is decided within ±{evidence.margin:.3g}"
        return Reason(name="no-decision", sentence=f"{told} {points(unit)}")
    low, high = float(outcome.comparison.low), float(outcome.comparison.high)
    told = interval_told(low, high, margin=evidence.margin, unit=unit)
    if standing.undecided:
        open_ = f"{told}; {standing.undecided}, so that nothing is decided"
        return Reason(name="no-decision", sentence=open_)
    label = LABELS[finding.label]
    if finding.label == INCONCLUSIVE and int(outcome.comparison.label) != INCONCLUSIVE:
        differs = f"{told}; what that means depends on how the paper's number is read"
        return Reason(name=label, sentence=differs)
    return Reason(name=label, sentence=f"{told}: {SAID[label]}")
