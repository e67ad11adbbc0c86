"""Judging documents: by the rules, from the numbers, never upwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verilora.records.verdict import (
    Paper,
    Status,
    VerdictDocument,
    Verdicts,
    read_document,
)
from verilora.verdict.conclude import document_of
from verilora.verdict.judge import Judgement, judge, verdict_of
from verilora.verdict.lower import down_from

HERE = Path(__file__).resolve()
OWN = HERE.parents[1] / "vectors" / "verdict-of-another-service.json"
EXAMPLE = HERE.parents[3] / "shared" / "examples" / "paper-2106.09685.json"
REASONS = {
    *("proxy", "few-seeds", "exploratory", "quote-not-verbatim", "score-unit"),
    *("spread", "start", "aggregation", "runs", "unit", "sanity-not-shown"),
    *("status-differs", "confidence-differs"),
}


def assert_partial_for_its_reasons(judgement: Judgement) -> None:
    assert (judgement.status, judgement.level) == ("partial", "proxy")
    assert judgement.decision is None
    assert judgement.score is None
    assert judgement.confidence == 0.60
    assert not judgement.agrees
    said = {reason.name: reason.sentence for reason in judgement.reasons}
    assert set(said) == REASONS
    assert "counts as one seed" in said["few-seeds"]
    assert "not shown to be verbatim" in said["quote-not-verbatim"]
    assert "has no unit" in said["score-unit"]


def test_a_document_of_another_service() -> None:
    judgement = judge(read_document(OWN.read_bytes()))
    assert_partial_for_its_reasons(judgement)
    assert judgement.declared is not None
    assert judgement.declared.status == "reproduced"


def test_the_example() -> None:
    if not EXAMPLE.is_file():
        pytest.skip("no folder with the example")
    judgement = judge(read_document(EXAMPLE.read_bytes()))
    assert_partial_for_its_reasons(judgement)
    said = " ".join(reason.sentence for reason in judgement.reasons)
    assert "leaves out 'LoRA' of its own row" in said
    assert "the score 0.89 has no unit beside a value of 89.7" in said


def test_with_a_paper_the_quote_is_found_wanting() -> None:
    text = "Table 4: Results. Encoder-small + Bridges (width 4) RTE validation accuracy 72 ± 1"
    judgement = judge(read_document(OWN.read_bytes()), paper_text=text)
    gates = {gate.rule: gate.passed for gate in judgement.gates}
    assert gates["EV-002"] is False
    assert gates["EV-003"] is True
    assert judgement.status == "partial"
    said = {reason.name: reason.sentence for reason in judgement.reasons}
    assert "is not verbatim" in said["quote-not-verbatim"]


def test_a_sound_verdict_is_confirmed_with_its_preregistration(kit: Any) -> None:
    pre = kit.pre()
    made = kit.post(pre=pre)
    whole = document_of(made, pre, paper=Paper())
    assert judge(whole).agrees
    alone = VerdictDocument(verdict=made)
    assert judge(alone).status == "partial"
    assert "exploratory" in [reason.name for reason in judge(alone).reasons]
    assert judge(alone, preregistration=pre).status == "reproduced"


@settings(deadline=None, max_examples=40)
@given(declared=st.sampled_from(get_args(Status)), right=st.integers(330, 380))
def test_judging_never_raises(kit: Any, declared: Any, right: int) -> None:
    pre = kit.pre()
    made = kit.post(*kit.items(right), pre=pre).replace(status=declared, confidence=0.4)
    judgement = judge(document_of(made, pre, paper=Paper()))
    assert judgement.status in down_from(declared)
    assert judgement.confidence <= 0.4
    assert judgement.agrees == (judgement.status == declared)


@pytest.mark.parametrize(
    ("changes", "name", "told"),
    [
        ({"score": 0.5}, "score-differs", "the document's score is 0.5"),
        ({"decision": "different"}, "decision-differs", "its numbers give 'equivalent'"),
        ({"confidence": 1.0}, "confidence-differs", "at most is sound"),
        ({"protocol_match": "near"}, "", ""),
        ({"status": "not_reproduced"}, "status-differs", "by the rules it is 'inconclusive'"),
    ],
)
def test_what_the_document_says_is_held_against_its_numbers(
    kit: Any, changes: dict, name: str, told: str
) -> None:
    pre = kit.pre()
    made = kit.post(pre=pre).replace(**changes)
    judgement = judge(document_of(made, pre, paper=Paper()))
    said = {reason.name: reason.sentence for reason in judgement.reasons}
    assert not name or told in said[name]
    assert judgement.agrees is not bool(name)


def test_stated_statistics_are_recomputed(kit: Any) -> None:
    pre = kit.pre()
    made = kit.post(pre=pre)
    statistics = made.statistics.replace(interval90=(-0.1, 0.1))
    judgement = judge(document_of(made.replace(statistics=statistics), pre, paper=Paper()))
    assert judgement.statistics == made.statistics
    assert "statistics-differ" in [reason.name for reason in judgement.reasons]


def test_two_verdicts_that_differ_are_noticed(kit: Any) -> None:
    pre = kit.pre()
    made = kit.post(pre=pre)
    document = document_of(made, pre, paper=Paper())
    other = document.replace(verdicts=Verdicts(post=made.replace(score=0.1), pre=pre))
    assert "two-verdicts" in [reason.name for reason in judge(other).reasons]


def test_rows_outweigh_the_level_that_is_declared(kit: Any) -> None:
    pre = kit.pre(protocol=kit.rows(base="different"))
    made = kit.post(pre=pre).replace(protocol_match="exact", status="reproduced")
    judgement = judge(document_of(made, pre, paper=Paper()))
    assert (judgement.level, judgement.status) == ("proxy", "partial")
    assert "level-differs" in [reason.name for reason in judgement.reasons]


def test_a_preregistration_is_pending(kit: Any) -> None:
    pre = kit.pre()
    judgement = judge(VerdictDocument(verdict=pre))
    assert (judgement.status, judgement.agrees) == ("pending", True)
    assert judgement.reasons[0].name == "preregistration"
    assert "few-seeds" not in [reason.name for reason in judgement.reasons]


@pytest.mark.parametrize("content", [b"{}", b'{"verdict": null, "verdicts": {"post": null}}'])
def test_no_verdict_is_not_attempted(content: bytes) -> None:
    judgement = judge(read_document(content))
    assert (judgement.status, judgement.level) == ("not_attempted", "unknown")
    assert judgement.reasons[0].name == "no-verdict"


def test_which_verdict_is_meant(kit: Any) -> None:
    pre, post = kit.pre(), kit.post()
    assert verdict_of(VerdictDocument(verdicts=Verdicts(post=post, pre=pre))) == post
    assert verdict_of(VerdictDocument(verdicts=Verdicts(pre=pre))) == pre


@pytest.mark.parametrize("path", [OWN, EXAMPLE], ids=lambda path: path.name)
def test_any_leaf_may_be_missing(path: Path) -> None:
    """Whatever is left out of a document, it is judged, and no higher."""
    if not path.is_file():
        pytest.skip("no folder with the example")
    data = json.loads(path.read_bytes())
    for field in list(data["verdict"]):
        for inner in [
            None,
            *(data["verdict"]["claim_citation"] if field == "claim_citation" else []),
        ]:
            less = json.loads(path.read_bytes())
            if inner is None and field not in ("kind", "status"):
                del less["verdict"][field]
            elif inner is not None:
                del less["verdict"][field][inner]
            judgement = judge(VerdictDocument.model_validate(less))
            assert judgement.status in down_from("partial")


def test_a_judgement_reads_back(kit: Any) -> None:
    for document in (read_document(OWN.read_bytes()), VerdictDocument(verdict=kit.post())):
        judgement = judge(document)
        assert Judgement.model_validate_json(judgement.canonical()) == judgement
