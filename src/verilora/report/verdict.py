"""report.html of a reproduction: its verdict told to a person, on one page that loads nothing.

Made from the document in verdict.json alone, with links to the pages of the seeds that lie beside
it. Every text of the document is escaped. Must not know models or data.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from verilora.atomic import write_whole
from verilora.charts import comparison_svg
from verilora.charts.comparison import compare
from verilora.charts.comparison_png import read_verdict_file
from verilora.charts.panels import read_run
from verilora.charts.words import unit_label
from verilora.errors import DataError
from verilora.records.verdict import Plan, Verdict, VerdictDocument
from verilora.report.page import fill
from verilora.report.verdict_tables import (
    Links,
    checks_told,
    digests_told,
    gates_told,
    plan_told,
    seeds_told,
    statistics_told,
)
from verilora.verdict.judge import judge, verdict_of
from verilora.verdict.meaning import (
    cited,
    differences,
    headline,
    level_told,
    meaning_of,
    plan_of,
    reported_told,
    shorten,
    status_told,
)

ICONS = {
    "reproduced": "✓",
    "not_reproduced": "✗",
    "partial": "◐",
    "inconclusive": "○",
    "disputed": "!",
    "pending": "…",
    "not_attempted": "–",
}
ARXIV = re.compile(r"(\d{4}\.\d{4,5}|[a-z-]+(\.[A-Z]{2})?/\d{7})(v\d+)?")


def write_verdict_report(directory: Path) -> Path:
    """Writes `report.html` beside the verdict.json in `directory` and returns its path.

    Raises DataError if verdict.json is missing, damaged, or holds no verdict.
    """
    directory = Path(directory)
    path, document = directory / "report.html", read_verdict_file(directory)
    write_whole(path, render(document, links=find_links(directory, document)).encode())
    return path


def find_links(directory: Path, document: VerdictDocument) -> Links:
    """The pages of the runs beside a verdict: of those runs alone whose records it names."""
    verdict = verdict_of(document)
    ours, theirs = {}, {}
    for page in sorted(directory.glob("*/report.html")):
        record = page.parent / "run.json"
        if verdict is None or not record.is_file():
            continue
        run, address = read_run(page.parent), page.relative_to(directory).as_posix()
        ours |= {run.seed: address} if run.digest in (verdict.runs or ()) else {}
        theirs |= {run.seed: address} if run.digest in (verdict.reference_runs or ()) else {}
    whole = bool(ours) and (directory / "preregistration.json").is_file()
    return Links(ours, theirs, whole=whole)


def render(document: VerdictDocument, *, links: Links) -> str:
    """The page as text; `links` lead to the runs' own pages.

    A document that says more than its numbers is shown as the rules judge it, with why.
    """
    return fill("verdict.html", **facts_of(document, links=links))


def facts_of(document: VerdictDocument, *, links: Links) -> dict[str, Any]:
    """What pages tell of a verdict, by the names that their templates know it by.

    Raises DataError if the document holds no verdict.
    """
    declared, pre = verdict_of(document), plan_of(document)
    if declared is None:
        raise DataError(
            "the document holds no verdict; there is nothing to show", file=None, line=None
        )
    verdict = _judged(document, declared)
    document = document.replace(verdict=verdict)
    plan = pre.plan if pre else verdict.plan
    level, picture = verdict.protocol_match or "unknown", compare(document)
    compares = plan is not None and plan.reference is not None
    return dict(
        verdict=verdict,
        named=_named(verdict, plan),
        kicker=_kicker(document, verdict, compares=compares),
        headline=headline(verdict, plan),
        status=status_told(verdict.status),
        icon=ICONS[verdict.status],
        meaning=_sentence(
            meaning_of(verdict.status, plan=plan, compared=verdict.decision is not None)
        ),
        level=level,
        level_meaning=level_told(level, plan),
        them="the reference" if compares else "the paper",
        drawing=comparison_svg.lay_out(picture) if picture else None,
        box=comparison_svg,
        axis=_axis(verdict),
        differences=differences(verdict),
        reasons=[shorten(caveat, verdict) for caveat in verdict.caveats or ()],
        seeds=seeds_told(verdict, links),
        statistics=statistics_told(verdict),
        method=verdict.statistics.method if verdict.statistics else "",
        plan=plan_told(pre) if pre and pre.plan else [],
        gates=gates_told(verdict),
        checks=checks_told(verdict, pre, links=links),
        digests=digests_told(declared, pre),
        **_source(document, verdict),
    )


def _judged(document: VerdictDocument, verdict: Verdict) -> Verdict:
    judgement = judge(document)
    if judgement.agrees:
        return verdict
    return verdict.replace(
        status=judgement.status,
        protocol_match=judgement.level,
        decision=judgement.decision,
        score=judgement.score,
        confidence=judgement.confidence,
        statistics=judgement.statistics,
        gates=judgement.gates,
        caveats=tuple(reason.sentence for reason in judgement.reasons),
    )


def _sentence(clause: str) -> str:
    return f"{clause[0].upper()}{clause[1:]}."


def _named(verdict: Verdict, plan: Plan | None) -> str:
    return plan.target if plan else cited(verdict.claim_citation)


def _kicker(document: VerdictDocument, verdict: Verdict, *, compares: bool) -> str:
    title = document.paper.title if document.paper else None
    kind = "Comparison" if compares else "Reproduction"
    kind = "Preregistration" if verdict.kind == "PRE" else kind
    told = f"{kind} of {cited(verdict.claim_citation)}"
    return f"{told} · {title}" if title else told


def _axis(verdict: Verdict) -> str:
    measured = verdict.measured or verdict.reported
    return unit_label(verdict.claim_citation, measured.unit) if measured else "value"


def _source(document: VerdictDocument, verdict: Verdict) -> dict[str, object]:
    citation, paper = verdict.claim_citation, document.paper
    told = [paper.title if paper else None, cited(citation).split(", of arXiv:")[0]]
    told += [f"page {citation.pdf_page}" if citation and citation.pdf_page else None]
    told += [f"reported: {reported_told(verdict)}"]
    number = (citation.paper_arxiv_id if citation else None) or (paper.arxiv_id if paper else None)
    return {
        "source": ", ".join(part for part in told if part),
        "arxiv": number if number and ARXIV.fullmatch(number) else None,
        "quote": citation.quoted_text if citation else None,
        "source_notes": [citation.notes] if citation and citation.notes else [],
    }
