"""Statuses in their order, and the one way to change a verdict: downwards."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verilora.errors import DataError
from verilora.records.verdict import Gate, Status, Verdict
from verilora.verdict.lower import accept_lowered, down_from, is_lower, lower, lowest_of, meet

ALL = get_args(Status)
STATUS = st.sampled_from(ALL)


def made(status: str = "reproduced", **changes: Any) -> Verdict:
    given = {
        "kind": "POST",
        "status": status,
        "score": 0.9,
        "confidence": 0.8,
        "protocol_match": "near",
        "gates": (Gate(rule="EV-001", passed=True, detail="complete"),),
        "caveats": ("small",),
    }
    return Verdict.model_validate({**given, **changes})


@given(STATUS, STATUS, STATUS)
def test_meet_is_that_of_a_lattice(a: Any, b: Any, c: Any) -> None:
    assert meet(a, a) == a
    assert meet(a, b) == meet(b, a)
    assert meet(a, meet(b, c)) == meet(meet(a, b), c)
    for higher in (a, b):
        assert meet(a, b) == higher or is_lower(meet(a, b), higher)
    assert lowest_of([a, b], start=c) == lowest_of([b, c], start=a)


def test_the_order() -> None:
    assert down_from("reproduced") == (
        *("reproduced", "partial", "inconclusive", "disputed", "pending", "not_attempted"),
    )
    assert "partial" not in down_from("not_reproduced")
    assert meet("reproduced", "not_reproduced") == "inconclusive"
    assert meet("partial", "not_reproduced") == "inconclusive"
    assert not is_lower("reproduced", "reproduced")


@given(STATUS, STATUS)
def test_no_validator_raises_a_status(before: Any, after: Any) -> None:
    verdict, changed = made(before), made(after)
    if after in down_from(before):
        assert accept_lowered(verdict, changed) is changed
    else:
        with pytest.raises(DataError, match="is not lower than"):
            accept_lowered(verdict, changed)


def test_a_verdict_is_lowered_with_a_reason() -> None:
    lowered = lower(made(), "inconclusive", caveat="the table was misread")
    assert lowered.status == "inconclusive"
    assert lowered.caveats == ("small", "the table was misread")
    assert lower(made(caveats=None), "pending", caveat="x").caveats == ("x",)
    with pytest.raises(DataError, match="only lower"):
        lower(made("partial"), "reproduced", caveat="it looks fine")


def test_what_may_fall() -> None:
    failed = (
        Gate(rule="EV-001", passed=False, detail="row missing"),
        Gate(rule="EV-002", passed=True, detail="added"),
    )
    lowered = made(confidence=0.2, protocol_match="proxy", gates=failed, caveats=("new", "small"))
    assert accept_lowered(made(), lowered) is lowered
    unknown = made(protocol_match=None, confidence=None)
    assert accept_lowered(made(), unknown) is unknown


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"confidence": 0.81}, "confidence rises from 0.8 to 0.81"),
        ({"protocol_match": "exact"}, "protocol_match rises from 'near' to 'exact'"),
        ({"score": 0.2}, "'score' was changed"),
        ({"id": "another"}, "'id' was changed"),
        ({"gates": ()}, "gate EV-001 was taken out"),
        ({"caveats": ()}, "caveats were taken out"),
    ],
)
def test_nothing_else_changes(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(DataError, match=told):
        accept_lowered(made(), made("pending", **changes))


@pytest.mark.parametrize("raised", [None, True])
def test_a_gate_that_failed_stays_failed(raised: bool | None) -> None:
    failed = made(gates=(Gate(rule="EV-001", passed=False, detail="x"),))
    again = failed.replace(gates=(Gate(rule="EV-001", passed=raised, detail="x"),))
    with pytest.raises(DataError, match="EV-001 was raised"):
        accept_lowered(failed, again)


def test_all_faults_are_told() -> None:
    raised = made("reproduced", confidence=0.9, score=1.0, protocol_match="exact")
    with pytest.raises(DataError) as caught:
        accept_lowered(made("partial"), raised)
    assert len(caught.value.facts["faults"]) == 4
