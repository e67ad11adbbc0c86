"""Verdicts and papers: filtered, page by page, the document as it came."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from verilora.records.verdict import VerdictDocument
from verilora.registry import Filter, Registry

EXAMPLES = Path(__file__).resolve().parents[3] / "shared" / "examples"


def test_verdicts_are_filtered_and_paged(registry: Registry, make: Any) -> None:
    for number in range(5):
        status = ("partial", "inconclusive")[number % 2]
        make.admit(registry, make.verdict(status, id=str(number)))

    def ids(wanted: Any, limit: int = 2) -> list[str | None]:
        found, cursor = [], None
        while True:
            page = registry.verdicts(wanted, limit=limit, cursor=cursor)
            found += [view.verdict.id for view in page.items]
            cursor = page.next_cursor
            if cursor is None:
                return found

    assert ids(None) == ["4", "3", "2", "1", "0"]
    assert ids("partial") == ["4", "2", "0"]
    assert ids(Filter(status="inconclusive", kind="POST")) == ["3", "1"]
    assert ids(Filter(current=True)) == ["4"]
    assert ids(Filter(arxiv_id="none")) == ids("disputed") == []


def test_a_verdict_is_found_by_its_documents_digest_too(registry: Registry, make: Any) -> None:
    document = make.verdict()
    entry = make.admit(registry, document)
    view = registry.verdict(document.digest)
    assert view == registry.verdict(entry.digest)
    assert view is not None
    assert view.document == document


def test_a_paper_has_its_current_verdict_and_its_plan(registry: Registry, make: Any) -> None:
    make.admit(registry, make.verdict("pending", kind="PRE", id="plan"))
    make.admit(registry, make.verdict(id="old", computed_at="2026-01-01T00:00:00Z"))
    gone = make.admit(registry, make.verdict(id="gone", computed_at="2026-02-01T00:00:00Z"))
    make.admit(registry, make.notice(gone.digest))
    paper = registry.paper("2106.09685")
    assert paper is not None and paper.post is not None and paper.pre is not None
    assert paper.paper.title == "LoRA: Low-Rank Adaptation"
    assert (paper.post.verdict.id, paper.pre.verdict.id, paper.verdicts) == ("old", "plan", 2)
    assert [one.arxiv_id for one in registry.papers().items] == ["2106.09685"]


def test_papers_are_paged_by_id(registry: Registry, make: Any) -> None:
    for number in ("1706.03762", "2106.09685", "2305.14314"):
        document = make.verdict().to_mapping()
        document["paper"] = {"arxiv_id": number}
        make.admit(registry, VerdictDocument.model_validate(document))
    first = registry.papers(limit=2)
    rest = registry.papers(limit=2, cursor=first.next_cursor)
    assert [one.arxiv_id for one in first.items + rest.items] == [
        "2305.14314",
        "2106.09685",
        "1706.03762",
    ]
    assert rest.next_cursor is None


@pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the example files are not here")
def test_a_document_of_another_service_comes_out_as_it_came(small: Registry, make: Any) -> None:
    told = json.loads((EXAMPLES / "paper-2106.09685.json").read_bytes())
    make.admit(small, VerdictDocument.model_validate(told))
    paper = small.paper("2106.09685")
    assert paper is not None and paper.post is not None
    assert paper.post.document.to_mapping() == told
    assert paper.paper.venue == "ICLR 2022"
