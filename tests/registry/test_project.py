"""Rows of one record: which paper and which number a verdict is about."""

from __future__ import annotations

from typing import Any

import pytest

from verilora.records.verdict import Verdict
from verilora.registry.project import Line, Rows, paper_of, target_of

DIGEST = "sha256:" + "0" * 64


def test_a_target_is_paper_place_and_metric_however_it_is_spelt(make: Any) -> None:
    first = make.verdict().verdict
    cited = first.claim_citation
    spelt = first.replace(claim_citation=cited.replace(section="TABLE  2"))
    other = first.replace(claim_citation=cited.replace(column="SST-2"))
    assert target_of(first, DIGEST) == target_of(spelt, DIGEST) != target_of(other, DIGEST)


def test_a_verdict_that_does_not_say_where_stands_alone() -> None:
    verdict = Verdict(kind="POST", status="pending")
    assert target_of(verdict, DIGEST) == DIGEST


def test_the_paper_is_the_documents_or_the_citations(make: Any) -> None:
    document = make.verdict()
    bare = document.replace(paper=None)
    assert paper_of(document, document.verdict) == paper_of(bare, bare.verdict) == "2106.09685"
    none = Verdict(kind="POST", status="pending")
    assert paper_of(bare, none) is None


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("2106.09685v2", "2106.09685"),
        ("cs/9901001", "cs/9901001"),
        ("math.GT/0309136v1", "math.GT/0309136"),
        ("../../etc", None),
        ("2106.09685/..", None),
        ("\u0662\u0661\u0660\u0666.09685", None),
        ("<script>", None),
        ("", None),
    ],
)
def test_a_paper_is_named_by_a_number_of_arxiv(make: Any, given: str, told: str | None) -> None:
    document = make.verdict()
    document = document.replace(paper=document.paper.replace(arxiv_id=given))
    if not given:
        cited = document.verdict.claim_citation.replace(paper_arxiv_id=None)
        document = document.replace(verdict=document.verdict.replace(claim_citation=cited))
    assert paper_of(document, document.verdict) == told


def test_a_record_becomes_rows(make: Any) -> None:
    rows = Rows()
    claim = make.claim("LoRA", tags=["a", "b"])
    now = "2026-11-22T01:30:00.000000Z"
    rows.add(Line(4, DIGEST, DIGEST, "claim", now, "valid", ("k",), claim))
    found = {table.name: made for table, made in rows.inserts.items()}
    assert {name: len(made) for name, made in found.items()} == {
        "records": 1,
        "claims": 1,
        "claim_tags": 2,
    }
    assert found["claims"][0]["id"] == claim.id
    assert found["records"][0]["key_ids"] == '["k"]'
    assert "lora" in rows.words[0]["words"].split()
