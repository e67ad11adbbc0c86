"""A against B, both measured: what stands in for a reported number, and what its plan must fix."""

from __future__ import annotations

from verilora.errors import DataError
from verilora.records.measurement import Measured, Reported
from verilora.records.verdict import Plan
from verilora.verdict.figures import DIGITS, rounded
from verilora.verdict.readings import default_margin
from verilora.verdict.statistics import side_of


def reported_of(measured: Measured) -> Reported:
    """The reference's numbers in the form of a paper's: mean, and sd of its single runs.

    With so many digits that rounding, h²/3, plays no part. Raises DataError without any number.
    """
    if not measured.values:
        raise DataError("no run of the reference has a number; one is wanted", file=None, line=None)
    side = side_of(measured.values, "mean")
    return Reported(
        value=rounded(side.value),
        unit=measured.unit,
        spread=None if side.sd is None else rounded(side.sd),
        spread_kind="sd",
        runs=len(measured.values),
        aggregation="mean",
        decimals=DIGITS,
    )


def comparison_margin(unit: str, items: int | None) -> tuple[float, str]:
    """(margin, why) where none is declared: 1.0 point from 1000 items on, else 1.5.

    The reference's spread gives no margin: it is measured after the margin was fixed, and a wide
    one would make everything the same.
    Raises DataError for a metric that is not in percent.
    """
    nothing = Reported.model_validate({"value": 0.0, "unit": unit})
    margin, why = default_margin(nothing, items=items)
    return margin, why.replace("no spread is known", "fixed before any run")


def refuse_unsound(plan: Plan) -> None:
    """Raises DataError with all `faults` for a plan of a comparison that leaves something open."""
    faults = []
    if plan.aggregation != "mean":
        faults.append(f"the aggregation is {plan.aggregation}; two measured sides compare as means")
    if plan.majority is None:
        faults.append("what a failed run counts with is open; say what the majority class scores")
    if plan.reference is not None and not (plan.reference.seeds and plan.seeds):
        faults.append("one side has no seeds; at least 3 on each side are wanted")
    if faults:
        raise DataError("; ".join(faults), file=None, line=None, faults=tuple(faults))
