"""The gates: their numbers stay, each has its sentence, and failures are never forgotten."""

from __future__ import annotations

from typing import Any

from verilora.records.verdict import Gate, Verdict
from verilora.verdict.case import Case
from verilora.verdict.gates import GATES, check_gates, rules
from verilora.verdict.limits import SANITY, UNITS

NUMBERED = {
    "EV-001": "check_complete",
    "EV-002": "check_quote",
    "EV-003": "check_headers",
    "EV-004": "check_possible",
    "EV-005": "check_units",
    "EV-006": "check_seeds",
    "EV-007": "check_anchors",
    "EV-008": "check_baseline",
    "EV-009": "check_parameters",
    "EV-010": "check_losses",
    "EV-011": "check_data",
    "EV-012": "check_agreement",
    "EV-013": "check_registration",
    "EV-014": "check_recorded",
    "EV-015": "check_share",
    "EV-016": "check_inputs",
}


def test_numbers_are_for_ever() -> None:
    assert {number: check.__name__ for number, check in GATES.items()} == NUMBERED
    assert {*SANITY, UNITS} < set(NUMBERED)


def test_every_rule_is_a_sentence() -> None:
    told = rules()
    assert list(told) == list(NUMBERED)
    assert all(rule.endswith(".") and not rule.startswith("EV-") for rule in told.values())
    assert all(GATES[n].__doc__.startswith(f"{n}: ") for n in NUMBERED)  # type: ignore[union-attr]


def test_all_gates_answer_in_order_whatever_is_missing() -> None:
    gates = check_gates(Case(Verdict(kind="POST", status="pending")))
    assert [gate.rule for gate in gates] == list(NUMBERED)
    assert {gate.rule for gate in gates if gate.passed is False} == {"EV-001", "EV-014"}


def test_a_sound_case_passes_all_that_can_be_checked(kit: Any) -> None:
    pre = kit.pre()
    made = kit.post(pre=pre)
    gates = check_gates(Case(made, pre, kit.paper, {"demo": "healthy"}))
    assert [gate.rule for gate in gates if gate.passed is not True] == ["EV-015", "EV-016"]


def test_what_is_recorded_may_lower_and_never_raise(kit: Any) -> None:
    def recorded(rule: str, passed: bool) -> Gate:
        gates = (Gate(rule=rule, passed=passed, detail="as it was"),)
        verdict = Verdict(kind="POST", status="pending", gates=gates)
        found = {gate.rule: gate for gate in check_gates(Case(verdict))}
        return found[rule]

    failed = recorded("EV-002", False)
    assert (failed.passed, failed.detail) == (False, "as it was")
    passed = recorded("EV-008", True)
    assert passed.passed is None
    assert passed.detail.endswith("(recorded as passed: as it was)")
    assert recorded("EV-001", True).passed is False
