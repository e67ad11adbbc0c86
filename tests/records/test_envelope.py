"""Signed records have in-toto's and DSSE's own names on disk, and no others."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from verilora.records.envelope import PAYLOAD_TYPE, STATEMENT_TYPE, Envelope, Statement

STATEMENT = {
    "_type": STATEMENT_TYPE,
    "subject": [{"name": "a.json", "digest": {"sha256": "0" * 64}}],
    "predicateType": "https://verilora.dev/claim/v1",
    "predicate": {"a": 1},
}
ENVELOPE = {
    "payload": "e30=",
    "payloadType": PAYLOAD_TYPE,
    "signatures": [{"keyid": "k", "sig": "AA=="}],
}


def test_the_names_on_disk_are_the_standards() -> None:
    assert json.loads(Statement.model_validate(STATEMENT).canonical()) == STATEMENT
    assert json.loads(Envelope.model_validate(ENVELOPE).canonical()) == ENVELOPE


@pytest.mark.parametrize(
    "changes",
    [{"_type": "other"}, {"subject": []}, {"type": STATEMENT_TYPE}, {"predicate": None}],
)
def test_another_statement_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Statement.model_validate({**STATEMENT, **changes})


@pytest.mark.parametrize(
    "changes", [{"signatures": []}, {"payload": "?"}, {"signatures": [{"sig": "x y"}]}, {"a": 1}]
)
def test_another_envelope_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Envelope.model_validate({**ENVELOPE, **changes})
