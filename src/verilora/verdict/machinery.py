"""EV-006 to EV-011 and EV-015: were the planned runs made, and did the machinery work?"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

from verilora.records.measurement import Measured, Sanity
from verilora.records.verdict import Verdict
from verilora.verdict.case import Answer, Case, unchecked
from verilora.verdict.readings import is_share
from verilora.verdict.statistics import (
    ALPHA,
    quantile,
    side_of,
    slice_variance,
    variance_factor,
)

ABSENT = "no preregistration is at hand"


@dataclass(frozen=True)
class Side:
    """One side's numbers; `whose` is empty for ours."""

    whose: str
    measured: Measured | None
    sanity: Sanity | None


def on_both_sides(check: Callable[[Case, Side], Answer]) -> Callable[[Case], Answer]:
    """The gate that holds if `check` holds for our runs and, in a comparison, the reference's."""

    @functools.wraps(check)
    def gate(case: Case) -> Answer:
        verdict = case.verdict
        answer = check(case, Side("", verdict.measured, verdict.sanity))
        if not case.compares:
            return answer
        other = Side("the reference: ", verdict.reference_measured, verdict.reference_sanity)
        theirs = check(case, other)
        worse = answer if _weight(answer) <= _weight(theirs) else theirs
        if worse.passed:
            return Answer(True, f"{answer.detail}; {other.whose}{theirs.detail}")
        return answer if worse is answer else Answer(theirs.passed, f"{other.whose}{theirs.detail}")

    del gate.__wrapped__  # type: ignore[attr-defined]  # its signature is its own
    return gate


@on_both_sides
def check_seeds(case: Case, side: Side) -> Answer:
    """EV-006: the seeds that were run are those of the preregistration; none was dropped."""
    measured = side.measured
    plan = case.preregistration.plan if case.preregistration else None
    if plan is None or measured is None:
        return unchecked(ABSENT if plan is None else "nothing was measured")
    if measured.seeds is None:
        return Answer(False, "the seeds of the runs are not recorded (measured.seeds)")
    seeds = case.reference.seeds if side.whose and case.reference else plan.seeds
    made, planned = {*measured.seeds, *measured.failed}, set(seeds)
    faults = []
    if planned - made:
        faults.append(f"seeds {_listed(planned - made)} were planned and are missing")
    if made - planned:
        faults.append(f"seeds {_listed(made - planned)} were run and never planned")
    if side.whose and planned - set(measured.seeds):
        faults.append(f"seeds {_listed(planned - set(measured.seeds))} gave no number")
    if faults:
        return Answer(False, f"{'; '.join(faults)}: a deviation from the preregistration")
    return Answer(True, f"the seeds are those planned: {_listed(made)}")


def check_anchors(case: Case) -> Answer:
    """EV-007: known results, run again on this machinery, come out as they should."""
    states = case.anchors or {}
    drifted = sorted(name for name, state in states.items() if state == "drift")
    if drifted:
        return Answer(False, f"anchors have drifted: {', '.join(drifted)}; find out why first")
    healthy = sorted(name for name, state in states.items() if state == "healthy")
    if not healthy:
        return unchecked("no anchor has data here")
    return Answer(True, f"anchors are healthy: {', '.join(healthy)}")


@on_both_sides
def check_baseline(case: Case, side: Side) -> Answer:
    """EV-008: the aggregate beats the majority class, the lower end of its 90 % interval too."""
    sanity, measured = side.sanity, side.measured
    if sanity is None or sanity.majority is None or measured is None or not measured.values:
        return unchecked("what the majority class scores is not recorded (sanity.majority)")
    if sanity.unit != measured.unit:
        return Answer(False, f"majority class in {sanity.unit}, measured in {measured.unit}")
    low = lower_end(case.verdict, measured)
    if low is None:
        return unchecked("one run of this metric has no interval")
    told = f"the lower end of the 90 % interval, {low:.4g}, against {sanity.majority:.4g}"
    passed = low > sanity.majority
    return Answer(passed, f"{told} of the majority class{'' if passed else ': not beaten'}")


@on_both_sides
def check_parameters(case: Case, side: Side) -> Answer:
    """EV-009: every run trained as many parameters as the configuration gives."""
    sanity = side.sanity
    if sanity is None or sanity.trainable_expected is None or not sanity.trainable:
        return unchecked("trainable parameters are not recorded (sanity.trainable)")
    short = shortfall(side, len(sanity.trainable))
    if short:
        return Answer(False, short)
    wrong = sorted({count for count in sanity.trainable if count != sanity.trainable_expected})
    if wrong:
        found = ", ".join(f"{count:,}" for count in wrong)
        return Answer(
            False, f"{found} parameters were trained; {sanity.trainable_expected:,} are configured"
        )
    return Answer(True, f"{sanity.trainable_expected:,} parameters were trained, as configured")


@on_both_sides
def check_losses(case: Case, side: Side) -> Answer:
    """EV-010: the training loss fell, in more than half of the runs.

    Not in all: a single collapsed run is a result of the method, not a fault of the machinery.
    """
    sanity = side.sanity
    if sanity is None or not sanity.losses_first:
        return unchecked("training losses are not recorded (sanity.losses_first)")
    if len(sanity.losses_first) != len(sanity.losses_last):
        counts = f"{len(sanity.losses_first)} first and {len(sanity.losses_last)} last losses"
        return Answer(False, f"{counts} are recorded; one of each for every run is wanted")
    short = shortfall(side, len(sanity.losses_first))
    if short:
        return Answer(False, short)
    pairs = list(zip(sanity.losses_first, sanity.losses_last, strict=True))
    fell = sum(last < first for first, last in pairs)
    told = f"the training loss fell in {fell} of {len(pairs)} runs"
    return Answer(2 * fell > len(pairs), told)


@on_both_sides
def check_data(case: Case, side: Side) -> Answer:
    """EV-011: every run saw the data of the preregistration, to the byte."""
    sanity = side.sanity
    if sanity is None or sanity.data_expected is None or not sanity.data:
        return unchecked("digests of the data are not recorded (sanity.data)")
    short = shortfall(side, len(sanity.data))
    if short:
        return Answer(False, short)
    others = [digest for digest in sanity.data if digest != sanity.data_expected]
    if others:
        return Answer(
            False,
            f"{len(others)} of {len(sanity.data)} runs saw other data "
            f"({others[0][:19]}…, not {sanity.data_expected[:19]}…)",
        )
    return Answer(True, f"all runs saw the data {sanity.data_expected[:19]}…")


def check_share(case: Case) -> Answer:
    """EV-015: the adapter has as small a share of the encoder's parameters as the claim says."""
    plan = case.preregistration.plan if case.preregistration else None
    sanity = case.verdict.sanity
    if plan is None or plan.share_below is None:
        return unchecked(ABSENT if plan is None else "the claim says nothing of a share")
    counts = list(zip(sanity.adapter, sanity.encoder, strict=False)) if sanity else []
    if not counts or not all(encoder for _, encoder in counts):
        return Answer(False, "the parameters of adapter and encoder were not counted (sanity)")
    adapter, encoder = max(counts, key=lambda count: count[0] / count[1])
    share = 100 * adapter / encoder
    told = f"the adapter has {adapter:,} of the encoder's {encoder:,} parameters, {share:.3g} %"
    if share >= plan.share_below:
        return Answer(False, f"{told}; the claim is about less than {plan.share_below:g} %")
    return Answer(True, f"{told}: below {plan.share_below:g} %")


def shortfall(side: Side, recorded: int) -> str | None:
    """A sentence if fewer runs are recorded than ended: what is left out may be what fails."""
    measured = side.measured
    if measured is None:
        return None
    ended = max(measured.runs or 0, len(measured.values)) - len(measured.failed)
    if recorded >= ended:
        return None
    return f"it is recorded for {recorded} of {ended} runs; one entry for every run is wanted"


def lower_end(verdict: Verdict, measured: Measured | None) -> float | None:
    """Lower end of the 90 % interval of an aggregate; None where nothing gives its width.

    x̄ - t(0.95, k - 1) · sqrt(c·s²/k + V); for a single run of a share of items the binomial
    standard error sqrt(p(1 - p)/n) with the normal quantile.
    """
    if measured is None or not measured.values:
        return None
    metric = verdict.claim_citation.reported_metric if verdict.claim_citation else None
    share = is_share(metric) and measured.unit == "percent" and measured.evaluated is not None
    way = "median" if measured.aggregation == "median" else "mean"
    side = side_of(measured.values, way)
    if side.sd is None:
        if not share:
            return None
        p = min(1.0, max(0.0, float(side.value) / 100))
        error = 100 * math.sqrt(p * (1 - p) / (measured.evaluated or 1))
        return float(side.value) - float(quantile(1 - ALPHA, math.inf)) * error
    part = 0.0
    if share and measured.evaluated and measured.full_size:
        part = float(
            slice_variance(side.value, evaluated=measured.evaluated, full_size=measured.full_size)
        )
    squared = variance_factor(way) * float(side.sd) ** 2 / side.runs + part
    return float(side.value) - float(quantile(1 - ALPHA, side.runs - 1.0)) * math.sqrt(squared)


def _listed(seeds: set[int]) -> str:
    return ", ".join(map(str, sorted(seeds)))


def _weight(answer: Answer) -> int:
    return {False: 0, None: 1, True: 2}[answer.passed]
