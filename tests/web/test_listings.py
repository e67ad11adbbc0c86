"""Lines of lists."""

from __future__ import annotations

from verilora.registry.views import Counts
from verilora.web.links import Links
from verilora.web.listings import (
    anchor_row,
    figures_of,
    listing,
    next_page,
    paper_facts,
    paper_item,
)


def test_the_next_page_keeps_what_was_asked() -> None:
    links = Links("https://x.example")
    assert next_page("/verdicts", "c&", links=links, status="partial").endswith(
        "?status=partial&cursor=c%26"
    )
    assert next_page("/verdicts", None, links=links) == ""
    assert next_page("/verdicts", "c", links=Links("https://x.example", depth=0)) == ""


def test_figures_are_in_words() -> None:
    counts = Counts(records=1200, claims=1, verdicts=2, papers=0, runs=0, notices=0)
    told = figures_of(counts)
    assert told[0] == ("1", "claim")
    assert told[1] == ("2", "verdicts")
    assert told[-1] == ("1,200", "signed records in all")


def test_a_paper(filled) -> None:
    view = filled.registry.paper("2106.09685")
    item = paper_item(view)
    assert (item.mark, item.icon) == ("reproduced", "✓")
    assert "2 verdicts" in item.about
    facts = paper_facts(view, verdicts=())
    assert facts["kicker"] == "Paper · ICLR 2022 · cs.CL"
    assert facts["arxiv"] == "2106.09685"


def test_an_anchor(filled) -> None:
    (view,) = filled.registry.anchors()
    row = anchor_row(view)
    assert (row.icon, row.state, row.latest, row.expected) == (
        "✓",
        "healthy",
        "71.50",
        "71.60 ± 0.5",
    )


def test_what_is_not_given_is_empty() -> None:
    told = listing("T", here="/x")
    assert (told["claims"], told["text"], told["next"]) == ((), None, "")
