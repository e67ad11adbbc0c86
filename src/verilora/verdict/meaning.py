"""What a verdict means, piece by piece, in words: for a terminal and for a page alike."""

from __future__ import annotations

from dataclasses import dataclass

from verilora.records.measurement import Reported
from verilora.records.protocol import DIMENSIONS, Level, Row
from verilora.records.verdict import Citation, Plan, Status, Verdict, VerdictDocument
from verilora.verdict.protocol import deviations
from verilora.verdict.readings import decimals_of
from verilora.verdict.words import PRINTED, points, summary

STATUS: dict[Status, str] = {
    "reproduced": "the number came out again, by a protocol near enough, on enough seeds",
    "not_reproduced": "by the same protocol the number came out otherwise, on every seed",
    "partial": "what there is agrees, but it falls short of a reproduction",
    "inconclusive": "this speaks neither for the number nor against it",
    "disputed": "it was objected to, and that is not settled",
    "pending": "nothing follows yet",
    "not_attempted": "no run was made",
}
LEVEL: dict[Level, str] = {
    "exact": "done as the original was",
    "near": "as the original, but for precision, machine, or what was chosen after the runs",
    "proxy": "a stand-in for the original: partial at most",
    "unknown": "too little is known of how it was done",
}
COMPARED: dict[Status, str] = {
    "reproduced": "the two are the same within the margin, on enough seeds, as planned before",
    "not_reproduced": "the two differ by more than the margin, on every seed, as planned before",
    "inconclusive": "this shows neither that the two are the same nor that they differ",
}
ALIKE: dict[Level, str] = {
    "exact": "both sides were run alike in all but what is compared",
    "near": "both sides were run alike but for precision, machine, or what was chosen afterwards",
    "proxy": "the two sides differ in more than what is compared: partial at most",
    "unknown": "too little is known of how the two sides were run",
}
"""The same where both sides were measured."""
_SPREADS = {
    "sd": "± is the standard deviation",
    "se": "± is the standard error",
    "ci95": "± is half of a 95 % interval",
    "unknown": "± is not explained",
}


@dataclass(frozen=True)
class Difference:
    """A row of the protocol that is not "same", in words."""

    name: str
    title: str
    paper: str
    ours: str
    why: str


@dataclass(frozen=True)
class Seed:
    """What one seed came to."""

    seed: int | None
    value: float | None
    failed: bool


def plan_of(document: VerdictDocument) -> Verdict | None:
    """The preregistration in a document."""
    return document.verdicts.pre if document.verdicts else None


def them(plan: Plan | None) -> str:
    """What ours is compared with, as the subject of a sentence: "the paper says"."""
    return f"{plan.reference.name} gave" if plan and plan.reference else "the paper says"


def headline(verdict: Verdict, plan: Plan | None) -> str:
    """One sentence: the numbers and what they come to, or what is wanting."""
    reported, measured = verdict.reported, verdict.measured
    if verdict.kind == "PRE":
        return "This is a preregistration: it fixes what will be done, and nothing was run."
    if reported is None or measured is None or not measured.values:
        return "No values of single runs are recorded, so that nothing can be compared."
    if reported.unit != measured.unit:
        return f"Measured in {measured.unit}, reported in {reported.unit}: not to be compared."
    margin = verdict.statistics.margin if verdict.statistics else plan.margin if plan else None
    if margin is None:
        return summary(reported, measured, margin=0.0, decision=None, them=them(plan)).replace(
            "whether that is the same within 0", "no margin was fixed, so whether that is the same"
        )
    decision = verdict.decision
    return summary(reported, measured, margin=margin, decision=decision, them=them(plan))


def status_told(status: Status) -> str:
    """The status as people write it: "not reproduced"."""
    return status.replace("_", " ")


def meaning_of(status: Status, *, plan: Plan | None, compared: bool) -> str:
    """What a status says; `compared` is false where there were no numbers to compare."""
    if not compared and status == "partial":
        return "at most that, for nothing here shows more"
    compares = plan is not None and plan.reference is not None
    return COMPARED.get(status, STATUS[status]) if compares else STATUS[status]


def level_told(level: Level, plan: Plan | None) -> str:
    """What a level says."""
    return (ALIKE if plan is not None and plan.reference is not None else LEVEL)[level]


def cited(citation: Citation | None) -> str:
    """ "Table 2, row 'RoBERTa-base (LoRA)', column 'MRPC', of arXiv:2106.09685"."""
    if citation is None:
        return "nothing is cited"
    parts = [citation.section, citation.row and f"row '{citation.row}'"]
    parts += [citation.column and f"column '{citation.column}'"]
    told = ", ".join(part for part in parts if part) or "no table is named"
    return f"{told}, of arXiv:{citation.paper_arxiv_id}" if citation.paper_arxiv_id else told


def reported_told(verdict: Verdict) -> str:
    """The reported number with all that is known of it, and what is not."""
    reported, citation = verdict.reported, verdict.claim_citation
    metric = (citation.reported_metric if citation else None) or "value"
    if reported is None:
        value = citation.reported_value if citation else None
        known = "none" if value is None else f"{value:g}, without its unit, spread and runs"
        return f"{metric} {known}"
    spread = "" if reported.spread is None else f" ± {reported.spread:.{_digits(reported)}f}"
    return f"{metric} {reported.value:.{_digits(reported)}f}{spread} ({_details(reported)})"


def differences(verdict: Verdict) -> tuple[Difference, ...]:
    """Every row that is not "same", in the order of the dimensions; what is missing is unknown."""
    given: dict[str, Row] = {row.dimension: row for row in verdict.protocol or ()}
    if not given:
        return ()
    return tuple(
        _difference(name, given.get(name))
        for name in DIMENSIONS
        if name not in given or given[name].state != "same"
    )


def seeds_of(verdict: Verdict) -> tuple[Seed, ...]:
    """Every run, in the order of the seeds; those without a number too."""
    measured = verdict.measured
    if measured is None:
        return ()
    seeds = measured.seeds or (None,) * len(measured.values)
    found = [Seed(s, v, s in measured.failed) for s, v in zip(seeds, measured.values, strict=True)]
    found += [Seed(seed, None, True) for seed in measured.failed if seed not in seeds]
    return tuple(sorted(found, key=lambda one: -1 if one.seed is None else one.seed))


def shown_value(verdict: Verdict, value: float) -> str:
    """A value of ours, with one digit more than the paper prints, and two beside a computed one."""
    reported = verdict.reported
    printed = reported is not None and decimals_of(reported) <= PRINTED
    return f"{value:.{_digits(reported) + 1 if reported and printed else 2}f}"


def shorten(sentence: str, verdict: Verdict) -> str:
    """A reason without the list of differences that stands elsewhere on the same page."""
    listed = "; ".join(deviations(verdict.protocol or ()))
    if not listed or listed not in sentence:
        return sentence
    return sentence.replace(listed, "see what differs")


def margin_told(plan: Plan) -> str:
    """ "±1.4 points: twice the standard deviation of the paper's runs"."""
    return f"±{plan.margin:.3g} {points(plan.unit)}: {plan.margin_source}"


def _difference(name: str, row: Row | None) -> Difference:
    title = DIMENSIONS[name]
    if row is None:
        return Difference(name, title, "not recorded", "not recorded", "nothing is recorded")
    paper, ours = row.paper or "not said", row.ours or "not said"
    why = row.reason or ""
    if row.state == "paper_silent":
        when = {"before": "fixed before the runs", "after": "chosen after the runs"}
        paper, why = (
            row.paper or "silent",
            "; ".join(
                part for part in ("the paper is silent", when[row.filled or "after"], why) if part
            ),
        )
    elif row.state == "equivalent":
        why = f"as good as the same: {why}"
    elif row.state == "unknown":
        why = f"unknown: {why}" if why else "unknown"
    return Difference(name, title, paper, ours, why)


def _details(reported: Reported) -> str:
    told = []
    if reported.runs is not None:
        way = f"{reported.aggregation} of " if reported.aggregation not in (None, "single") else ""
        told.append(f"{way}{reported.runs} run{'' if reported.runs == 1 else 's'}")
    if reported.spread is not None:
        told.append(_SPREADS[reported.spread_kind or "unknown"])
    return ", ".join([*told, f"in {reported.unit}"])


def _digits(reported: Reported) -> int:
    decimals = decimals_of(reported)
    return max(1, decimals) if decimals <= PRINTED else 2
