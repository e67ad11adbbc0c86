"""Verdict: documents of other services load and come out unchanged; ours is closed and checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from verilora.errors import DataError
from verilora.records.canonical import canonical_bytes
from verilora.records.verdict import Plan, Verdict, VerdictDocument, read_document

HERE = Path(__file__).resolve()
OWN = HERE.parents[1] / "vectors" / "verdict-of-another-service.json"
EXAMPLES = HERE.parents[3] / "shared" / "examples"
DOCUMENTS = [OWN, *sorted(EXAMPLES.glob("paper-*.json"))]
PLAN = {
    "target": "lora/table2/roberta-base/mrpc",
    "seeds": [0, 1, 2],
    "margin": 1.4,
    "unit": "percent",
    "margin_source": "twice the paper's standard deviation",
    "aggregation": "median",
    "selection": "best epoch on dev, as in the paper",
    "failed_run": "a loss that is not finite",
}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_a_document_comes_out_as_it_came_in(path: Path) -> None:
    content = path.read_bytes()
    document = read_document(content, name=path.name)
    assert document.to_mapping() == json.loads(content)
    assert document.canonical() == canonical_bytes(json.loads(content))
    assert read_document(document.canonical()) == document


def test_the_example_was_found() -> None:
    if not EXAMPLES.is_dir():
        pytest.skip("no folder with the example")
    assert len(DOCUMENTS) > 1


def test_keys_left_out_are_not_invented() -> None:
    for given in ({}, {"verdict": None}, {"paper": {"arxiv_id": None}, "verdicts": {}}):
        assert VerdictDocument.model_validate(given).to_mapping() == given


def test_a_verdict_that_stands_alone_is_put_into_a_document() -> None:
    alone = json.loads(OWN.read_bytes())["verdict"]
    document = read_document(json.dumps(alone).encode())
    assert document.to_mapping() == {"verdict": alone}


def test_faults_are_sentences_with_the_nearest_key() -> None:
    data = json.loads(OWN.read_bytes())
    data["verdict"]["scoer"] = data["verdict"].pop("score")
    data["verdict"]["claim_citation"]["reported_value"] = "72 %"
    with pytest.raises(DataError) as caught:
        read_document(json.dumps(data).encode(), name="verdict.json")
    told = str(caught.value)
    assert "unknown key 'verdict.scoer'; did you mean 'score'" in told
    assert "verdict.claim_citation.reported_value is '72 %'; wanted: a valid number" in told


def test_a_key_that_stands_twice_is_refused() -> None:
    content = OWN.read_bytes().replace(b'"kind": "POST",', b'"kind": "POST", "kind": "PRE",', 1)
    with pytest.raises(DataError, match="'kind' stands twice"):
        read_document(content)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"status": "proven"}, "status"),
        ({"kind": "MAYBE"}, "kind"),
        ({"score": 89.7}, "score"),
        ({"confidence": -0.1}, "confidence"),
        ({"format": "verilora.verdict/2"}, "format"),
        ({"preregistration": "abc"}, "preregistration"),
        ({"score_unit": "percent"}, "score_unit"),
        ({"gates": [{"rule": "EV-1", "passed": True, "detail": ""}]}, "rule"),
        ({"gates": [{"rule": "EV-001", "passed": True, "detail": ""}] * 2}, "two gates"),
        ({"protocol": [{"dimension": "base", "state": "same"}] * 2}, "two protocol rows for base"),
        ({"kind": "PRE", "plan": PLAN}, "a preregistration is pending"),
    ],
)
def test_a_verdict_that_cannot_be_is_refused(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Verdict.model_validate({"kind": "POST", "status": "partial", **wrong})


def test_a_plan_runs_each_seed_once() -> None:
    assert Plan.model_validate(PLAN).seeds == (0, 1, 2)
    with pytest.raises(ValidationError, match="seed 1 stands there twice"):
        Plan.model_validate({**PLAN, "seeds": [1, 0, 1]})
    with pytest.raises(ValidationError, match="margin"):
        Plan.model_validate({**PLAN, "margin": 0})


def test_a_plan_may_have_a_reference_that_is_measured() -> None:
    reference = {"name": "full fine-tuning of the same base", "seeds": [0, 1, 2]}
    plan = {**PLAN, "reference": reference, "share_below": 1.0}
    made = Verdict.model_validate({"kind": "PRE", "status": "pending", "plan": plan})
    assert made.plan is not None
    assert made.plan.reference is not None
    assert made.to_mapping()["plan"]["reference"] == reference
    reported = {"value": 89.7, "unit": "percent"}
    with pytest.raises(ValidationError, match="is to be measured, and a reported number is given"):
        made.replace(reported=reported)
    for wrong in ({"share_below": 0.0}, {"share_below": 101.0}):
        with pytest.raises(ValidationError, match="share_below"):
            Plan.model_validate({**plan, **wrong})
    with pytest.raises(ValidationError, match="seed 0 stands there twice"):
        Plan.model_validate({**PLAN, "reference": {**reference, "seeds": [0, 0]}})


def test_a_verdict_cannot_be_changed() -> None:
    verdict = Verdict(kind="POST", status="partial")
    with pytest.raises(ValidationError, match="frozen"):
        verdict.status = "reproduced"  # type: ignore[misc]
    assert verdict.replace(status="pending").status == "pending"
