"""EV-013: was there a plan before the runs, and did the verdict keep to it?"""

from __future__ import annotations

from datetime import UTC, datetime

from verilora.records.protocol import Row
from verilora.records.verdict import Verdict
from verilora.verdict.case import Answer, Case, unchecked
from verilora.verdict.comparison import reported_of
from verilora.verdict.machinery import ABSENT
from verilora.verdict.protocol import level_of_row, lowest


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
    faults += _reported(pre, post)
    faults += _changed(pre, post)
    if faults:
        return Answer(False, f"the preregistration was not kept to: {'; '.join(faults)}")
    return Answer(True, f"preregistered as {pre.digest[:19]}… at {pre.computed_at}")


def _reported(pre: Verdict, post: Verdict) -> list[str]:
    reference, measured = pre.plan and pre.plan.reference, post.reference_measured
    if (reference is None) != (measured is None):
        told = "has a reference to measure" if reference else "has no reference"
        given = "are not recorded" if reference else "are recorded (reference_measured)"
        return [f"the plan {told}, and its numbers {given}"]
    if measured is None:
        same = pre.reported == post.reported
        return [] if same else ["the reported number was changed afterwards"]
    if measured.values and post.reported == reported_of(measured):
        return []
    return ["the number that stands as reported does not follow from the reference's runs"]


def _changed(pre: Verdict, post: Verdict) -> list[str]:
    plan, faults = pre.plan, []
    assert plan is not None
    stated = post.statistics.margin if post.statistics else plan.margin
    if stated != plan.margin:
        faults.append(f"the margin was {plan.margin:g} and became {stated:g}")
    way = post.measured.aggregation if post.measured else None
    if way is not None and way != plan.aggregation:
        faults.append(f"the aggregation was {plan.aggregation} and became {way}")
    before: dict[str, Row] = {row.dimension: row for row in pre.protocol or ()}
    late = [
        row.dimension
        for row in post.protocol or ()
        if row.state == "paper_silent" and row.filled == "before"
        if row.dimension not in before or before[row.dimension].ours != row.ours
    ]
    if late:
        faults.append(f"{', '.join(late)} were not fixed before the runs as the rows say")
    return faults + _raised(before, post)


def _raised(before: dict[str, Row], post: Verdict) -> list[str]:
    """Rows may turn out worse than they were planned, and never better."""
    better = [
        f"{row.dimension} was '{before[row.dimension].state}' and became '{row.state}'"
        for row in post.protocol or ()
        if row.dimension in before
        and lowest([level_of_row(row), level_of_row(before[row.dimension])]) != level_of_row(row)
    ]
    return [f"rows were raised: {', '.join(better)}"] if better else []


def _before(first: str | None, second: str | None) -> bool:
    try:
        return _time(first) < _time(second)
    except ValueError:
        return False


def _time(text: str | None) -> datetime:
    time = datetime.fromisoformat(text or "")
    return time if time.tzinfo else time.replace(tzinfo=UTC)
