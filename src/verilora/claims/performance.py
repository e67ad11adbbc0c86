"""What a verdict document says as a claim: words for what was run, the number, and its digests.

The claim's number is never without its spread, its count of runs, the number that it is held
against and the status that came of it: the object is true when it is quoted alone.
"""

from __future__ import annotations

import re
import statistics
import unicodedata
from collections.abc import Iterator
from typing import Any

from verilora.claims.rubric import Assessment, performance_confidence
from verilora.records.claim import LONGEST_QUOTE, VERTICAL
from verilora.records.measurement import Measured
from verilora.records.verdict import Plan, Verdict, VerdictDocument
from verilora.verdict.gates import QUOTE
from verilora.verdict.judge import Judgement, judge, verdict_of
from verilora.verdict.meaning import plan_of, shown_value, status_told

LONGEST_PART, LONGEST_TAG, MOST_TAGS = 300, 40, 12
UNITS = {"percent": " %", "points": " points", "loss": " nats", "fraction": ""}
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_RANK = re.compile(r"\brank (\d+)\b")


def claim_faults(document: VerdictDocument) -> list[str]:
    """Why the document holds nothing that a performance could be claimed of; none if it does."""
    verdict = verdict_of(document)
    if verdict is None:
        return ["the document holds no verdict; verilora reproduce TARGET makes one"]
    if verdict.kind == "PRE":
        return ["it is a preregistration: nothing was run yet; claim what comes out of the runs"]
    if verdict.measured is None or not verdict.measured.values:
        return ["no values of single runs are recorded, so that there is no number to claim"]
    return []


def performance_parts(
    document: VerdictDocument, *, paper_text: str | None = None, rank: int | None = None
) -> tuple[dict[str, Any], Assessment]:
    """The parts of the claim, and its confidence, by the rules that judge the document.

    `rank` is the adapter's, which a verdict's rows need not name.
    """
    verdict, pre = verdict_of(document), plan_of(document)
    assert verdict is not None and verdict.measured is not None
    judgement = judge(document, paper_text=paper_text)
    plan = pre.plan if pre else verdict.plan
    parts = {
        "vertical": VERTICAL,
        "subject": _part(subject_of(verdict, plan, rank=rank)),
        "predicate": predicate_of(verdict),
        "object": _part(object_of(verdict, judgement, plan=plan)),
        "tags": tags_of(verdict, judgement, plan=plan),
        "sources": list(_sources(document, verdict, judgement=judgement)),
        "performance": {
            "verdict": document.digest,
            "status": judgement.status,
            "level": judgement.level,
            "preregistration": verdict.preregistration,
            "runs": [*(verdict.runs or ()), *(verdict.reference_runs or ())],
            "artifacts": [one.to_mapping() for one in verdict.artifacts or ()],
        },
    }
    return parts, performance_confidence(judgement.confidence, level=judgement.level)


def subject_of(verdict: Verdict, plan: Plan | None, *, rank: int | None = None) -> str:
    """ "LoRA r=8 on MiniLM-L6, MRPC (reproduction of arXiv:2106.09685, Table 2)"."""
    citation, rank = verdict.claim_citation, rank or _rank(verdict)
    what = f"{_method(verdict, plan)}{f' r={rank}' if rank else ''} on {_base(verdict)}"
    if plan is not None and plan.reference is not None:
        return f"{what}, {_task(plan)} (beside {plan.reference.name})"
    where = [citation.paper_arxiv_id and f"arXiv:{citation.paper_arxiv_id}"] if citation else []
    where += [citation.section] if citation else []
    told = ", ".join(part for part in where if part)
    column = f", {citation.column}" if citation and citation.column else ""
    return f"{what}{column} (reproduction of {told})" if told else f"{what}{column}"


def predicate_of(verdict: Verdict) -> str:
    """ "achieves_accuracy"."""
    citation = verdict.claim_citation
    metric = (citation.reported_metric if citation else None) or "score"
    return "achieves_" + slug_of(metric).replace("-", "_")[:60].strip("_")


def object_of(verdict: Verdict, judgement: Judgement, *, plan: Plan | None) -> str:
    """ "80.15 ± 0.51 % (median of 3 runs, 408 items); the paper reports 89.7 ± 0.7 %: partial"."""
    measured, reported = verdict.measured, verdict.reported
    assert measured is not None
    value, sd = _value_and_sd(measured)
    spread = "" if sd is None else f" ± {shown_value(verdict, sd)}"
    told = f"{shown_value(verdict, value)}{spread}{UNITS[measured.unit]} ({_counts(measured)})"
    if reported is not None:
        reference = plan.reference if plan is not None else None
        them = f"{reference.name} gave" if reference else "the paper reports"
        digits = min(reported.decimals if reported.decimals is not None else 2, 2)
        beside = "" if reported.spread is None else f" ± {reported.spread:.{digits}f}"
        told += f"; {them} {reported.value:.{digits}f}{beside}{UNITS[reported.unit]}"
    return f"{told}: {status_told(judgement.status)}, protocol {judgement.level}"


def tags_of(verdict: Verdict, judgement: Judgement, *, plan: Plan | None) -> list[str]:
    """Slugs of method, target, task, base, metric, paper and status; at most 12, each once."""
    citation = verdict.claim_citation
    compares = plan is not None and plan.reference is not None
    words = [_method(verdict, plan), "comparison" if compares else "reproduction"]
    words += _of_target(_task(plan)) if plan else []
    words += [_base(verdict)]
    if citation is not None:
        words += [citation.column or "", citation.reported_metric or ""]
        words += [f"arxiv {citation.paper_arxiv_id}"] if citation.paper_arxiv_id else []
    slugs = [slug_of(word) for word in [*words, judgement.status]]
    return list(dict.fromkeys(slug for slug in slugs if slug))[:MOST_TAGS]


def _sources(
    document: VerdictDocument, verdict: Verdict, *, judgement: Judgement
) -> Iterator[dict[str, Any]]:
    """The paper; quoted only where the gate found the quote in the paper's text."""
    citation, paper = verdict.claim_citation, document.paper
    number = (citation and citation.paper_arxiv_id) or (paper and paper.arxiv_id)
    if not number:
        return
    title = (paper and paper.title) or f"arXiv:{number}"
    published = _DAY.match((paper and paper.published_at) or "")
    quoted = any(gate.rule == QUOTE and gate.passed for gate in judgement.gates)
    quote = citation.quoted_text if citation and quoted else None
    yield {
        "ordinal": 1,
        "type": "preprint",
        "publisher": "arXiv",
        "title": _part(title),
        "url": f"https://arxiv.org/abs/{number}",
        "published": published[0] if published else None,
        "quote": quote if quote and len(quote) <= LONGEST_QUOTE else None,
    }


def _task(plan: Plan) -> str:
    """Of two measured sides, "stdlib-pairs: LoRA against full fine-tuning", what stands first."""
    return plan.target.partition(": ")[0] if plan.reference is not None else plan.target


def _of_target(name: str) -> list[str]:
    """Paper, table and column of a cell's name; not its row, whose base may not be ours."""
    parts = name.split("/")
    return [*parts[:2], parts[3]] if len(parts) == 4 else parts


def _method(verdict: Verdict, plan: Plan | None) -> str:
    citation, sanity = verdict.claim_citation, verdict.sanity
    row = (citation.row if citation else None) or ""
    adapted = sanity is not None and any(sanity.adapter)
    if adapted or "lora" in f"{row} {plan.target if plan else ''}".casefold():
        return "LoRA"
    return row or "Training"


def _rank(verdict: Verdict) -> int | None:
    found = _RANK.search(_row(verdict, "adapter"))
    return int(found[1]) if found else None


def _base(verdict: Verdict) -> str:
    """The base's name without what stands around it: a folder, a package, its shape."""
    told = _row(verdict, "base").split(" (")[0].split(", revision")[0].strip().rstrip("/")
    if told.startswith("package:"):
        return told.removeprefix("package:").split("/")[0]
    return re.split(r"[/\\]", told)[-1] or "a base that is not recorded"


def _row(verdict: Verdict, dimension: str) -> str:
    """What was done, or what the paper says where that is the same."""
    for row in verdict.protocol or ():
        if row.dimension == dimension:
            return row.ours or (row.paper if row.state == "same" else None) or ""
    return ""


def _counts(measured: Measured) -> str:
    runs = measured.runs or len(measured.values)
    way = f"{measured.aggregation or 'mean'} of {runs} runs" if runs > 1 else "1 run"
    failed = f", {len(measured.failed)} failed" if measured.failed else ""
    items = f", {measured.evaluated:,} items" if measured.evaluated else ""
    return f"{way}{failed}{items}"


def _value_and_sd(measured: Measured) -> tuple[float, float | None]:
    """From the runs themselves, whatever the document says that they come to."""
    values = measured.values
    way = statistics.median if measured.aggregation == "median" else statistics.fmean
    return way(values), statistics.stdev(values) if len(values) > 1 else None


def slug_of(text: str) -> str:
    """The tag that a text makes: "Fine-Tuning!" gives "fine-tuning"; "" if none is left."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().casefold()
    return re.sub(r"[^a-z0-9]+", "-", plain)[:LONGEST_TAG].strip("-")


def _part(text: str) -> str:
    """Without the bar, which stands between the parts of an id; cut to what a part may have."""
    plain = " ".join(text.replace("|", "/").split())
    return plain if len(plain) <= LONGEST_PART else f"{plain[: LONGEST_PART - 1].rstrip()}…"
