"""EV-006 to EV-011 and EV-013: did the work keep to its plan, and did the machinery work?"""

from __future__ import annotations

import math
from datetime import UTC, datetime

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


def check_seeds(case: Case) -> Answer:
    """EV-006: the seeds that were run are those of the preregistration; none was dropped."""
    measured = case.verdict.measured
    plan = case.preregistration.plan if case.preregistration else None
    if plan is None or measured is None:
        return unchecked(ABSENT if plan is None else "nothing was measured")
    if measured.seeds is None:
        return Answer(False, "the seeds of the runs are not recorded (measured.seeds)")
    made, planned = {*measured.seeds, *measured.failed}, set(plan.seeds)
    faults = []
    if planned - made:
        faults.append(f"seeds {_listed(planned - made)} were planned and are missing")
    if made - planned:
        faults.append(f"seeds {_listed(made - planned)} were run and never planned")
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


def check_baseline(case: Case) -> Answer:
    """EV-008: the aggregate beats the majority class, the lower end of its 90 % interval too."""
    sanity, measured = case.verdict.sanity, case.verdict.measured
    if sanity is None or sanity.majority is None or measured is None or not measured.values:
        return unchecked("what the majority class scores is not recorded (sanity.majority)")
    if sanity.unit != measured.unit:
        return Answer(False, f"majority class in {sanity.unit}, measured in {measured.unit}")
    low = lower_end(case.verdict)
    if low is None:
        return unchecked("one run of this metric has no interval")
    told = f"the lower end of the 90 % interval, {low:.4g}, against {sanity.majority:.4g}"
    passed = low > sanity.majority
    return Answer(passed, f"{told} of the majority class{'' if passed else ': not beaten'}")


def check_parameters(case: Case) -> Answer:
    """EV-009: every run trained as many parameters as the configuration gives."""
    sanity = case.verdict.sanity
    if sanity is None or sanity.trainable_expected is None or not sanity.trainable:
        return unchecked("trainable parameters are not recorded (sanity.trainable)")
    wrong = sorted({count for count in sanity.trainable if count != sanity.trainable_expected})
    if wrong:
        found = ", ".join(f"{count:,}" for count in wrong)
        return Answer(
            False, f"{found} parameters were trained; {sanity.trainable_expected:,} are configured"
        )
    return Answer(True, f"{sanity.trainable_expected:,} parameters were trained, as configured")


def check_losses(case: Case) -> Answer:
    """EV-010: the training loss fell, in more than half of the runs.

    Not in all: a single collapsed run is a result of the method, not a fault of the machinery.
    """
    sanity = case.verdict.sanity
    if sanity is None or not sanity.losses_first:
        return unchecked("training losses are not recorded (sanity.losses_first)")
    if len(sanity.losses_first) != len(sanity.losses_last):
        counts = f"{len(sanity.losses_first)} first and {len(sanity.losses_last)} last losses"
        return Answer(False, f"{counts} are recorded; one of each for every run is wanted")
    pairs = list(zip(sanity.losses_first, sanity.losses_last, strict=True))
    fell = sum(last < first for first, last in pairs)
    told = f"the training loss fell in {fell} of {len(pairs)} runs"
    return Answer(2 * fell > len(pairs), told)


def check_data(case: Case) -> Answer:
    """EV-011: every run saw the data of the preregistration, to the byte."""
    sanity = case.verdict.sanity
    if sanity is None or sanity.data_expected is None or not sanity.data:
        return unchecked("digests of the data are not recorded (sanity.data)")
    others = [digest for digest in sanity.data if digest != sanity.data_expected]
    if others:
        return Answer(
            False,
            f"{len(others)} of {len(sanity.data)} runs saw other data "
            f"({others[0][:19]}…, not {sanity.data_expected[:19]}…)",
        )
    return Answer(True, f"all runs saw the data {sanity.data_expected[:19]}…")


def check_registration(case: Case) -> Answer:
    """EV-013: the preregistration is the one named, was made before, and was kept to."""
    pre, post = case.preregistration, case.verdict
    if pre is None or pre.plan is None:
        named = f" (named: {post.preregistration[:19]}…)" if post.preregistration else ""
        return unchecked(f"{ABSENT}{named}")
    faults = []
    if post.preregistration != pre.digest:
        faults.append(f"the verdict names {post.preregistration}, this one is {pre.digest}")
    if not _before(pre.computed_at, post.computed_at):
        faults.append(f"it was made at {pre.computed_at}, the verdict at {post.computed_at}")
    if pre.reported != post.reported:
        faults.append("the reported number was changed afterwards")
    faults += _changed(pre, post)
    if faults:
        return Answer(False, f"the preregistration was not kept to: {'; '.join(faults)}")
    return Answer(True, f"preregistered as {pre.digest[:19]}… at {pre.computed_at}")


def lower_end(verdict: Verdict) -> float | None:
    """Lower end of the 90 % interval of our aggregate; None where nothing gives its width.

    x̄ - t(0.95, k - 1) · sqrt(c·s²/k + V); for a single run of a share of items the binomial
    standard error sqrt(p(1 - p)/n) with the normal quantile.
    """
    measured = verdict.measured
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


def _changed(pre: Verdict, post: Verdict) -> list[str]:
    plan, faults = pre.plan, []
    assert plan is not None
    stated = post.statistics.margin if post.statistics else plan.margin
    if stated != plan.margin:
        faults.append(f"the margin was {plan.margin:g} and became {stated:g}")
    way = post.measured.aggregation if post.measured else None
    if way is not None and way != plan.aggregation:
        faults.append(f"the aggregation was {plan.aggregation} and became {way}")
    before = {row.dimension: row for row in pre.protocol or ()}
    late = [
        row.dimension
        for row in post.protocol or ()
        if row.state == "paper_silent" and row.filled == "before"
        if row.dimension not in before or before[row.dimension].ours != row.ours
    ]
    if late:
        faults.append(f"{', '.join(late)} were not fixed before the runs as the rows say")
    return faults


def _before(first: str | None, second: str | None) -> bool:
    try:
        return _time(first) < _time(second)
    except ValueError:
        return False


def _time(text: str | None) -> datetime:
    time = datetime.fromisoformat(text or "")
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _listed(seeds: set[int]) -> str:
    return ", ".join(map(str, sorted(seeds)))
