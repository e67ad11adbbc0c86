"""The gates, numbered for ever: a number is never given to another rule, nor taken away.

Each is a small function from a case to an answer; its docstring's sentence is the rule as people
read it.
"""

from __future__ import annotations

from collections.abc import Callable

from verilora.records.verdict import Gate
from verilora.verdict import citation, inputs, machinery, plausibility, registration
from verilora.verdict.case import Answer, Case

GATES: dict[str, Callable[[Case], Answer]] = {
    "EV-001": citation.check_complete,
    "EV-002": citation.check_quote,
    "EV-003": citation.check_headers,
    "EV-004": plausibility.check_possible,
    "EV-005": plausibility.check_units,
    "EV-006": machinery.check_seeds,
    "EV-007": machinery.check_anchors,
    "EV-008": machinery.check_baseline,
    "EV-009": machinery.check_parameters,
    "EV-010": machinery.check_losses,
    "EV-011": machinery.check_data,
    "EV-012": plausibility.check_agreement,
    "EV-013": registration.check_registration,
    "EV-014": plausibility.check_recorded,
    "EV-015": machinery.check_share,
    "EV-016": inputs.check_inputs,
}
QUOTE, SEEDS, UNITS, REGISTRATION, RECORDED = "EV-002", "EV-006", "EV-005", "EV-013", "EV-014"


def check_gates(case: Case) -> tuple[Gate, ...]:
    """Every gate, in the order of its number.

    Where nothing was handed in to check with, a failure that the verdict itself records stands;
    that it once passed is told, and not taken on trust.
    """
    recorded = {gate.rule: gate for gate in case.verdict.gates or ()}
    return tuple(_checked(rule, case, recorded=recorded.get(rule)) for rule in GATES)


def rules() -> dict[str, str]:
    """Number -> the rule in one sentence, for documentation and pages."""
    told = {}
    for number, check in GATES.items():
        first = (check.__doc__ or "").strip().splitlines()[0]
        told[number] = first.removeprefix(f"{number}: ")
    return told


def _checked(rule: str, case: Case, *, recorded: Gate | None) -> Gate:
    answer = GATES[rule](case)
    if answer.passed is None and recorded is not None and recorded.passed is False:
        return Gate(rule=rule, passed=False, detail=recorded.detail)
    if answer.passed is None and recorded is not None and recorded.passed:
        told = f"{answer.detail} (recorded as passed: {recorded.detail})"
        return Gate(rule=rule, passed=None, detail=told)
    return Gate(rule=rule, passed=answer.passed, detail=answer.detail)
