"""What the description says is what is answered: requests made from it by schemathesis."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable

schemathesis = pytest.importorskip(
    "schemathesis", reason="SKIPPED: schemathesis is not installed: pip install 'verilora[test]'"
)
READ = (
    *("claims.json", "claims/{claim}.json", "search", "tags.json", "methodology.json", "papers"),
    *("papers/{arxiv_id}", "verdicts", "verdicts/{digest}.json", "anchors", "validator"),
    *("envelopes/{digest}.dsse.json", "payloads/{digest}.json"),
)
ASKED = ("verify", "verify-envelope", "validator")
NAMES = (*(f"GET /api/v1/{name}" for name in READ), *(f"POST /api/v1/{name}" for name in ASKED))


@pytest.fixture(scope="module")
def operations(client) -> dict:
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", client.app)
    return {one.ok().label: one.ok() for one in schema.get_all_operations()}


def test_every_operation_is_asked(operations) -> None:
    assert set(operations) == set(NAMES)


def left_out(name: str) -> list:
    """Checks that do not hold, and why."""
    from schemathesis.specs.openapi import checks

    # No schema tells which cursors were given, or which text is shown: both are refused with 400.
    found = [checks.positive_data_acceptance]
    if name.startswith("GET") or name.endswith("verify-envelope"):
        # A list of one reads like its item, and 414 counts as no refusal there. Of an envelope
        # it is the answer that it is none.
        found.append(checks.negative_data_rejection)
    return found


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("mode", schemathesis.GenerationMode)
def test_an_answer_is_what_the_description_says(name: str, mode, operations) -> None:
    """All checks of schemathesis, with requests as described and others."""

    @settings(
        max_examples=5,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
    )
    @given(case=operations[name].as_strategy(generation_mode=mode))
    def ask(case) -> None:
        answer = case.call()
        case.validate_response(answer, excluded_checks=left_out(name))
        if answer.status_code >= 400:
            assert json.loads(answer.content)["status"] == answer.status_code

    with contextlib.suppress(Unsatisfiable):  # a path takes any text: nothing is no path
        ask()
