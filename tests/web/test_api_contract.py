"""What the description says is what is answered: requests made from it by schemathesis."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings

schemathesis = pytest.importorskip(
    "schemathesis", reason="SKIPPED: schemathesis is not installed: pip install 'verilora[test]'"
)
NAMES = (
    *("claims.json", "claims/{claim}.json", "search", "tags.json", "methodology.json", "papers"),
    *("papers/{arxiv_id}", "verdicts", "verdicts/{digest}.json", "anchors", "validator", "verify"),
    *("envelopes/{digest}.dsse.json", "payloads/{digest}.json", "verify-envelope"),
)


@pytest.fixture(scope="module")
def operations(client) -> dict:
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", client.app)
    found = [result.ok() for result in schema.get_all_operations()]
    return {one.path.removeprefix("/api/v1/"): one for one in found}


def test_every_operation_is_asked(operations) -> None:
    assert set(operations) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_an_answer_is_what_the_description_says(name: str, operations) -> None:
    from schemathesis.specs.openapi import checks

    wanted = [
        checks.status_code_conformance,
        checks.content_type_conformance,
        checks.response_schema_conformance,
    ]

    @settings(
        max_examples=5,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operations[name].as_strategy())
    def ask(case) -> None:
        answer = case.call()
        assert answer.status_code < 500
        case.validate_response(answer, checks=wanted)
        if answer.status_code >= 400:
            assert json.loads(answer.content)["status"] == answer.status_code

    ask()
