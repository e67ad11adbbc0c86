"""Verdict documents that are sent to be judged: by the rules, never raised, nothing kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from verilora.records.verdict import read_document
from verilora.verdict.judge import judge
from verilora.web.problems import Problem
from verilora.web.validating import validate_document

PATH = "/api/v1/validator"
EXAMPLE = Path(__file__).parents[2] / ".." / "shared" / "examples" / "paper-2106.09685.json"


def test_a_document_is_judged_as_the_command_line_does(client: TestClient, filled) -> None:
    before = filled.registry.counts()
    got = client.post(PATH, content=filled.document.canonical())
    assert got.status_code == 200
    told = got.json()
    assert told["mayOnly"] == "lower"
    assert told["judgement"] == json.loads(json.dumps(judge(filled.document).to_mapping()))
    assert told["judgement"]["status"] == "reproduced"
    assert filled.registry.counts() == before


def test_what_says_more_than_its_numbers_is_lowered(client: TestClient, filled) -> None:
    proxy = filled.registry.verdict(filled.proxy.digest).document
    boast = proxy.replace(verdict=proxy.verdict.replace(status="reproduced"), verdicts=None)
    judgement = client.post(PATH, content=boast.canonical()).json()["judgement"]
    assert judgement["declared"]["status"] == "reproduced"
    assert judgement["status"] != "reproduced"
    assert judgement["reasons"]
    lower = filled.document.replace(
        verdict=filled.document.verdict.replace(status="pending"), verdicts=None
    )
    assert client.post(PATH, content=lower.canonical()).json()["judgement"]["status"] == "pending"


def test_the_example_of_the_service_is_partial_at_most(client: TestClient) -> None:
    if not EXAMPLE.is_file():
        pytest.skip(f"{EXAMPLE} is not there")
    judgement = client.post(PATH, content=EXAMPLE.read_bytes()).json()["judgement"]
    assert (judgement["declared"]["status"], judgement["status"]) == ("reproduced", "partial")
    assert judgement["level"] == "proxy"


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b"{}", b'{"verdict": null}', b'{"other": 1}', b"[" * 50, b'{"a":1,"a":1}'],
)
def test_what_is_no_document_is_a_problem(client: TestClient, body: bytes) -> None:
    answer = client.post(PATH, content=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]


def test_every_fault_is_told(filled) -> None:
    data = filled.document.to_mapping()
    data["verdict"] |= {"status": "fine", "level": 1}
    body = json.dumps(data).encode()
    with pytest.raises(Problem, match="faults") as refused:
        validate_document(body)
    assert len(refused.value.faults) == 2
    assert read_document(filled.document.canonical()) == filled.document
