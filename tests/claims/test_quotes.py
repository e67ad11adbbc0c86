"""What a source is quoted with stands in it, or the claim is refused; unchecked is said to be."""

from __future__ import annotations

from typing import Any

import pytest

from verilora.claims.quotes import check_quote, check_quotes, holds_words
from verilora.records.claim import Source

TITLE = "Narrow Bridges: A Study"
TEXT = "NARROW BRIDGES:\nA STUDY\n\nWe propose a nar-\nrow bridge, which is ﬁne – and light."


def source(**changes: Any) -> Source:
    given = {"ordinal": 1, "type": "preprint", "publisher": "arXiv", "title": TITLE}
    return Source.model_validate({**given, "url": "https://arxiv.org/abs/9912.01234", **changes})


@pytest.mark.parametrize(
    "quote",
    [
        "We propose a narrow bridge",
        "which is fine - and light.",
        "a  narrow bridge, which is ﬁne",
    ],
)
def test_a_quote_is_found_however_it_was_extracted(quote: str) -> None:
    checked = check_quote(1, source(quote=quote), text=TEXT)
    assert (checked.found, checked.faults) == (True, ())
    assert checked.detail == "the quote of source 1 stands in its text"


def test_a_few_words_show_nothing() -> None:
    checked = check_quote(1, source(quote="We propose a"), text=TEXT)
    assert (checked.found, checked.faults) == (None, ())
    assert "fewer than 4 words" in checked.detail
    absent = check_quote(1, source(quote="We invent"), text=TEXT)
    assert "does not stand in the text" in absent.faults[0]


@pytest.mark.parametrize(
    "quote", ["We propose a wide bridge", "we propose a narrow bridge", "light and fine and narrow"]
)
def test_a_quote_that_does_not_stand_there_refuses_the_claim(quote: str) -> None:
    checked = check_quote(2, source(quote=quote), text=TEXT)
    assert checked.found is False
    assert "source 2: the quote" in checked.faults[0]
    assert "word for word" in checked.faults[0]


def test_without_a_text_or_a_quote_nothing_is_checked() -> None:
    unchecked, unquoted = check_quotes(
        [source(quote="A bridge that is narrow"), source()], {2: TEXT}
    )
    assert (unchecked.found, unquoted.found) == (None, None)
    assert "no text of the source was supplied" in unchecked.detail
    assert unquoted.detail == "source 2 is not quoted"
    assert unchecked.faults == unquoted.faults == ()


def test_a_quote_has_two_hundred_characters_at_most() -> None:
    checked = check_quote(1, source().model_copy(update={"quote": "x" * 201}), text=None)
    assert "has 201 characters; at most 200 are quoted" in checked.faults[0]
    assert check_quote(1, source(quote="x" * 200), text=None).faults == ()


def test_the_text_of_another_paper_checks_nothing() -> None:
    checked = check_quote(1, source(title="Wide Rivers", quote="a narrow bridge"), text=TEXT)
    assert "does not hold the title 'Wide Rivers'" in checked.faults[0]
    page = source(title="Wide Rivers", type="docs", url="https://x.y/docs")
    assert check_quote(1, page, text=TEXT).faults == ()


@pytest.mark.parametrize(
    ("url", "type_", "fault"),
    [
        ("https://arxiv.org/abs/2106.09685", "preprint", None),
        ("https://arxiv.org/pdf/2106.09685v2", "preprint", None),
        ("https://www.arxiv.org/abs/cs.CL/0101001", "preprint", None),
        ("https://arxiv.org/list/cs.CL/recent", "preprint", "names no paper"),
        ("https://arxiv.org/abs/2106.09685", "docs", "its type is 'preprint'"),
        ("https://example.org/abs/x", "docs", None),
    ],
)
def test_a_source_of_a_paper_cites_that_paper(url: str, type_: str, fault: str | None) -> None:
    faults = check_quote(1, source(url=url, type=type_), text=None).faults
    assert bool(faults) == bool(fault)
    assert not fault or fault in faults[0]


def test_a_title_is_found_word_by_word() -> None:
    assert holds_words("… LoRA: Low-Rank\nAdaptation of …", "LoRA : low-rank adaptation")
    assert not holds_words("QLoRA: Low-Rank Adaptation", "LoRA: Low-Rank Adaptation")
    assert not holds_words("anything", "?!")
