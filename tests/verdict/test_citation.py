"""EV-001 to EV-003: complete, verbatim, and in the right table."""

from __future__ import annotations

from typing import Any

import pytest

from verilora.records.verdict import Verdict
from verilora.verdict.case import Answer, Case
from verilora.verdict.citation import WANTED, check_complete, check_headers, check_quote


def case(kit: Any, text: str | None = None, **changes: Any) -> Case:
    citation = kit.citation(**changes)
    verdict = Verdict(
        kind="POST", status="partial", claim_citation=citation, reported=kit.reported()
    )
    return Case(verdict, paper_text=text)


NONE = Case(Verdict(kind="POST", status="partial"))


@pytest.mark.parametrize("field", WANTED)
def test_every_part_of_a_citation_is_wanted(kit: Any, field: str) -> None:
    assert check_complete(case(kit)).passed is True
    answer = check_complete(case(kit, **{field: None}))
    assert answer.passed is False
    assert field in answer.detail


def test_no_citation_at_all() -> None:
    assert check_complete(NONE).passed is False
    assert check_quote(NONE).passed is None
    assert check_headers(NONE).passed is None


def test_the_quote_stands_in_the_paper(kit: Any) -> None:
    answer = check_quote(case(kit, kit.paper))
    assert answer == Answer(True, "the quote stands in the text, 0 characters from 89.7")


@pytest.mark.parametrize(
    ("quote", "told"),
    [
        ("Encoder-small reaches 89.7", "is not verbatim"),
        ("Encoder small (Bridges)", "is not verbatim"),
        ("Encoder-small has 14M", "characters from 89.7; at most 200"),
    ],
)
def test_a_quote_that_is_not_there_or_far_off(kit: Any, quote: str, told: str) -> None:
    answer = check_quote(case(kit, kit.paper, quoted_text=quote))
    assert answer.passed is False
    assert told in answer.detail


def test_a_value_that_is_not_there(kit: Any) -> None:
    text = kit.paper.replace("89.7", "89.4")
    quote = "Accuracy on the development sets"
    answer = check_quote(case(kit, text, quoted_text=quote))
    assert (answer.passed, answer.detail) == (
        False,
        "the value 89.7 does not stand in the text supplied",
    )


def test_without_a_text_nothing_is_checked_and_what_is_plain_is_said(kit: Any) -> None:
    answer = check_quote(case(kit, quoted_text="Encoder-small 89.7"))
    assert answer.passed is None
    assert "not checked" in answer.detail
    assert "not shown to be verbatim, and it leaves out 'Bridges' of its own row" in answer.detail
    assert "leaves out" not in check_quote(case(kit)).detail


def test_headers_stand_in_the_same_table(kit: Any) -> None:
    assert check_headers(case(kit, kit.paper)).passed is True
    assert check_headers(case(kit)).passed is None


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"section": "Table 7"}, "no caption of 'Table 7'"),
        ({"row": "Encoder-large (Bridges)"}, "row 'Encoder-large (Bridges)' is not there"),
        ({"column": "MRPC test"}, "missing: 'test'"),
        ({"section": "Table 3"}, "the value 89.7 is not there"),
        ({"column": "CoLA"}, "cite them as printed"),
    ],
)
def test_another_table_row_or_column_is_noticed(kit: Any, changes: dict, told: str) -> None:
    text = kit.paper.replace("Table 3: Ablations.", "Table 4: Other things. Table 3: Ablations.")
    answer = check_headers(case(kit, text, **changes))
    assert answer.passed is False
    assert told in answer.detail


def test_the_value_is_looked_for_as_printed(kit: Any) -> None:
    verdict = Verdict(
        kind="POST",
        status="partial",
        claim_citation=kit.citation(reported_value=85, quoted_text="14M 85.0±.3"),
        reported=kit.reported(value=85, decimals=1),
    )
    assert check_quote(Case(verdict, paper_text=kit.paper)).passed is True
