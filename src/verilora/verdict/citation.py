"""EV-001 to EV-003: does the paper say what the verdict says it says?

Wrong citations (another table, row, metric or checkpoint) are the commonest cause of wrong
verdicts, so that these gates come first.
"""

from __future__ import annotations

from verilora.records.verdict import Citation, Verdict
from verilora.verdict.case import Answer, Case, unchecked
from verilora.verdict.folding import (
    NEAR,
    find_quote,
    spans_of_value,
    stands_in,
    table_text,
    words_missing,
)
from verilora.verdict.readings import decimals_of, shown_decimals

WANTED = (
    "paper_arxiv_id",
    "section",
    "row",
    "column",
    "reported_value",
    "reported_metric",
    "quoted_text",
)
CLAIMED = ("paper_arxiv_id", "section", "reported_metric", "quoted_text")
"""What a claim in words has, where both sides are measured and no number is the paper's."""
ADVICE = "supply the paper's text (--paper-text FILE)"


def check_complete(case: Case) -> Answer:
    """EV-001: paper, section, row, column, value, metric and quote are all given.

    Of a claim in words, whose two sides are both measured: paper, section, metric and quote.
    """
    citation = case.verdict.claim_citation
    if citation is None:
        return Answer(False, "no citation is given; say where the paper has this number")
    wanted = CLAIMED if case.compares else WANTED
    missing = [field for field in wanted if getattr(citation, field) in (None, "")]
    if missing:
        return Answer(
            False, f"the citation lacks {', '.join(missing)}; say where the number stands"
        )
    if case.compares:
        return Answer(True, f"{citation.section}, in words: both sides are measured")
    return Answer(True, f"{citation.section}, row '{citation.row}', column '{citation.column}'")


def check_quote(case: Case) -> Answer:
    """EV-002: the quote stands in the paper verbatim, within 200 characters of the value."""
    citation = case.verdict.claim_citation
    if citation is None or not citation.quoted_text:
        return unchecked("there is no quote or no value")
    quote, value = citation.quoted_text, citation.reported_value
    if value is None and not case.compares:
        return unchecked("there is no quote or no value")
    if case.paper_text is None:
        missing = words_missing(citation.row or "", quote)
        left_out = f", and it leaves out {_listed(missing)} of its own row" if missing else ""
        return unchecked(
            f"the quote '{quote}' is not shown to be verbatim{left_out}; {ADVICE}",
        )
    found = find_quote(case.paper_text, quote, value=value, decimals=_decimals(case.verdict))
    if not found.found:
        return Answer(
            False, f"the quote '{quote}' is not verbatim: it does not stand in the text supplied"
        )
    if value is None:
        return Answer(True, "the quote stands in the text")
    if found.distance is None:
        return Answer(False, f"the value {value:g} does not stand in the text supplied")
    told = f"the quote stands in the text, {found.distance} characters from {value:g}"
    near = found.distance <= NEAR
    return Answer(near, told if near else f"{told}; at most {NEAR} are allowed")


def check_headers(case: Case) -> Answer:
    """EV-003: the row's and the column's header stand in the text of the same table."""
    citation = case.verdict.claim_citation
    if citation is None or not (citation.section and citation.row and citation.column):
        return unchecked("the citation names no section, row or column")
    if case.paper_text is None:
        return unchecked(f"whether row and column stand in the table is open; {ADVICE}")
    table = table_text(case.paper_text, citation.section)
    if table is None:
        return Answer(False, f"no caption of '{citation.section}' stands in the text supplied")
    faults = _header_faults(case.verdict, citation, table=table)
    if faults:
        return Answer(False, f"in {citation.section}: {'; '.join(faults)}; cite them as printed")
    return Answer(True, f"row, column and value stand in the text of {citation.section}")


def _header_faults(verdict: Verdict, citation: Citation, *, table: str) -> list[str]:
    faults = []
    for name in ("row", "column"):
        header = getattr(citation, name)
        if not stands_in(header, table):
            missing = words_missing(header, table)
            why = f" (missing: {_listed(missing)})" if missing else ""
            faults.append(f"the {name} '{header}' is not there{why}")
    value = citation.reported_value
    if value is not None and not spans_of_value(table, value, decimals=_decimals(verdict)):
        faults.append(f"the value {value:g} is not there")
    return faults


def _decimals(verdict: Verdict) -> int:
    if verdict.reported is not None:
        return decimals_of(verdict.reported)
    citation = verdict.claim_citation
    return shown_decimals((citation and citation.reported_value) or 0.0)


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(f"'{word}'" for word in words)
