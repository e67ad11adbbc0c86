"""Answers as bytes: canonical, so that the same data has the same ETag."""

from __future__ import annotations

import json

import pytest

from verilora.records.canonical import canonical_bytes
from verilora.registry import Filter
from verilora.web import data
from verilora.web.finding import Site
from verilora.web.problems import Problem


def test_every_answer_is_canonical(filled) -> None:
    house = Site(filled.registry)
    bare = filled.verdict.digest.removeprefix("sha256:")
    for content in (
        data.home(house),
        data.claims(house),
        data.claim(house, filled.claims[0].id),
        data.search(house, "lora", limit=5),
        data.verify(house, "lora", least=0.5),
        data.tags(house),
        data.papers(house),
        data.paper(house, "2106.09685"),
        data.verdicts(house, wanted=Filter()),
        data.verdict(house, bare),
        data.verdict_document(house, bare),
        data.run(house, filled.run.digest.removeprefix("sha256:")),
        data.anchors(house),
        data.methodology(),
        data.validator(),
    ):
        assert canonical_bytes(json.loads(content)) == content


def test_the_twin_of_a_verdict_is_its_file(filled) -> None:
    content = data.verdict_document(
        Site(filled.registry), filled.verdict.digest.removeprefix("sha256:")
    )
    assert content == filled.document.canonical()


@pytest.mark.parametrize(("text", "limit"), [("", 5), ("   ", 5), ("a", 0), ("a", 51)])
def test_a_search_for_nothing_is_a_problem(text: str, limit: int, filled) -> None:
    house = Site(filled.registry)
    with pytest.raises(Problem):
        data.search(house, text, limit=limit)
