"""A verdict told on one page of a terminal: plain text, at most 100 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from verilora.records.verdict import Gate, Plan, Verdict, VerdictDocument
from verilora.verdict.judge import Judgement, verdict_of
from verilora.verdict.meaning import (
    Difference,
    cited,
    differences,
    headline,
    level_told,
    margin_told,
    meaning_of,
    plan_of,
    reported_told,
    seeds_of,
    shorten,
    shown_value,
    status_told,
)
from verilora.verdict.words import interval_told

WIDTH = 100
"""Columns at most."""


def tell(document: VerdictDocument, *, directory: str = ".") -> str:
    """The verdict in a document: what came out, what differs, what it rests on, how to check.

    `directory` is where the document lies, for the command that judges it again.
    """
    verdict, pre = verdict_of(document), plan_of(document)
    if verdict is None:
        return "The document holds no verdict."
    plan = pre.plan if pre else verdict.plan
    level = verdict.protocol_match or "unknown"
    compared = verdict.measured is not None
    meaning = meaning_of(verdict.status, plan=plan, compared=compared)
    parts = [
        wrapped(headline(verdict, plan)),
        wrapped(f"{status_told(verdict.status)}: {meaning}."),
        *_section("What was compared", _compared(verdict, plan)),
        *_section(f"What differs ({level}: {level_told(level, plan)})", _differences(verdict)),
        *_section("Seeds", _seeds(verdict)),
        *_section("Fixed before the runs", _fixed(verdict, pre)),
        *_section("Why it is no higher, and what to keep in mind", _reasons(verdict)),
        *_section("Rules", _gates(verdict.gates or (), told=verdict.caveats or ())),
        *_section("Check it yourself", [f"  verilora judge {directory}"]),
    ]
    return "\n".join(parts) + "\n"


def tell_judgement(document: VerdictDocument, judgement: Judgement) -> str:
    """What a document comes to by the rules, beside what it says of itself."""
    verdict, pre = verdict_of(document), plan_of(document)
    if verdict is None:
        return "The document holds no verdict, so that there is nothing to judge.\n"
    plan = pre.plan if pre else verdict.plan
    compared = judgement.decision is not None
    meaning = meaning_of(judgement.status, plan=plan, compared=compared)
    title = f": {document.paper.title}" if document.paper and document.paper.title else ""
    # What the document decides is not repeated before it was judged.
    found = verdict.replace(decision=judgement.decision, statistics=judgement.statistics)
    parts = [
        wrapped(f"{cited(verdict.claim_citation)}{title}"),
        wrapped(headline(found, plan)),
        "",
        *_ruling(judgement, meaning),
        *_section(
            f"What differs ({judgement.level}: {level_told(judgement.level, plan)})",
            _differences(verdict),
        ),
        *_section("Why", _bullets(shorten(r.sentence, verdict) for r in judgement.reasons)),
        *_section("Rules", _gates(judgement.gates, told=[r.sentence for r in judgement.reasons])),
        *_section("To check more", _more(judgement, verdict, pre=pre)),
    ]
    return "\n".join(parts) + "\n"


def wrapped(text: str, *, indent: str = "", first: str | None = None) -> str:
    """The text on lines of at most 100 columns; `first` begins the first line."""
    return textwrap.fill(
        " ".join(text.split()),
        WIDTH,
        initial_indent=indent if first is None else first,
        subsequent_indent=indent,
        break_on_hyphens=False,
    )


def _section(title: str, lines: Iterable[str]) -> list[str]:
    held = list(lines)
    return ["", wrapped(title), *held] if held else []


def _bullets(sentences: Iterable[str]) -> list[str]:
    return [wrapped(sentence, indent="    ", first="  - ") for sentence in sentences]


def _pairs(rows: Iterable[tuple[str, str]], width: int = 13) -> list[str]:
    indent = " " * (width + 2)
    return [wrapped(text, indent=indent, first=f"  {name:<{width}}") for name, text in rows if text]


def _compared(verdict: Verdict, plan: Plan | None) -> list[str]:
    measured, statistics = verdict.measured, verdict.statistics
    rows = []
    if plan is None or plan.reference is None:
        rows = [("cited", cited(verdict.claim_citation)), ("reported", reported_told(verdict))]
    elif verdict.reported is not None:
        rows = [("reference", f"{plan.reference.name}: {reported_told(verdict)}")]
    if measured is not None and measured.evaluated:
        of = f" of {measured.full_size:,}" if measured.full_size else ""
        rows.append(("measured on", f"{measured.evaluated:,}{of} items"))
    if statistics is not None:
        low, high = statistics.interval90
        told = interval_told(low, high, margin=statistics.margin, unit=statistics.unit)
        rows.append(("difference", f"{_signed(statistics.difference)}; {told}"))
    if verdict.score is not None and verdict.kind == "POST":
        rows.append(("score", f"{verdict.score:.3g}, the probability that it lies within them"))
    if verdict.confidence is not None:
        again = f"{verdict.confidence:.3g}, the probability that the same work again says the same"
        rows.append(("confidence", again))
    return _pairs(rows)


def _differences(verdict: Verdict) -> list[str]:
    found = differences(verdict)
    if not found:
        return ["  nothing"] if verdict.protocol else []
    them = "paper" if verdict.reference_measured is None else "other"
    return [line for difference in found for line in _difference(difference, them)]


def _difference(difference: Difference, them: str) -> list[str]:
    name, width = difference.name.replace("_", " "), 18
    told = [(them, difference.paper), ("here", difference.ours), ("why", difference.why)]
    lines = []
    for place, (word, text) in enumerate((word, text) for word, text in told if text):
        begin = f"  {name if not place else '':<{width}}{word:<7}"
        lines.append(wrapped(text, indent=" " * len(begin), first=begin))
    return lines


def _seeds(verdict: Verdict) -> list[str]:
    found, measured = seeds_of(verdict), verdict.measured
    texts = [
        f"{'run' if one.seed is None else one.seed}: "
        + ("no number" if one.value is None else shown_value(verdict, one.value))
        + (" (failed)" if one.failed else "")
        for one in found
    ]
    lines = [wrapped(", ".join(texts), indent="  ")] if texts else []
    if measured is not None and measured.value is not None:
        way = measured.aggregation or "aggregate"
        lines.append(f"  {way}: {shown_value(verdict, measured.value)}")
    if verdict.reference_measured is not None:
        theirs = verdict.reference_measured
        seeds = theirs.seeds or range(len(theirs.values))
        told = ", ".join(
            f"{seed}: {shown_value(verdict, value)}"
            for seed, value in zip(seeds, theirs.values, strict=False)
        )
        lines.append(wrapped(f"of the reference: {told}", indent="  "))
    return lines


def _fixed(verdict: Verdict, pre: Verdict | None) -> list[str]:
    if pre is None or pre.plan is None:
        named = verdict.preregistration
        told = f"a preregistration is named and not at hand: {named}" if named else "nothing"
        return [wrapped(told, indent="  ")] if verdict.kind == "POST" else []
    plan = pre.plan
    rows = [
        ("margin", margin_told(plan)),
        ("seeds", ", ".join(map(str, plan.seeds))),
        ("counts", f"{plan.aggregation} over the runs; {plan.selection}"),
        ("failed runs", plan.failed_run),
        ("at", pre.computed_at or "a time that is not recorded"),
        ("digest", pre.digest),
    ]
    return _pairs(rows)


def _reasons(verdict: Verdict) -> list[str]:
    return _bullets(shorten(caveat, verdict) for caveat in verdict.caveats or ())


def _gates(gates: Iterable[Gate], *, told: Iterable[str]) -> list[str]:
    held, said = list(gates), " ".join(told)
    lines = []
    for gate in held:
        if gate.passed is not True:
            word = "failed" if gate.passed is False else "open"
            detail = gate.detail.removeprefix("not checked: ")
            if all(part in said for part in detail.split("; ")):
                detail = "as told above"
            lines.append(wrapped(detail, indent=" " * 17, first=f"  {gate.rule}  {word:<7}"))
    passed = ", ".join(gate.rule for gate in held if gate.passed)
    if passed:
        lines.append(wrapped(f"passed: {passed}", indent="  "))
    return lines


def _ruling(judgement: Judgement, meaning: str) -> list[str]:
    said = judgement.declared
    rows = [("", "by the rules", "the document says")]
    rows += [("status", status_told(judgement.status), status_told(said.status) if said else "")]
    rows += [("level", judgement.level, (said and said.level) or "nothing")]
    rows += [("decision", judgement.decision or "none: no numbers to decide from", "")]
    rows += [("score", _number(judgement.score), _number(said.score if said else None))]
    held = said.confidence if said else None
    rows += [("confidence", _number(judgement.confidence), _number(held))]
    statistics = judgement.statistics
    width = max(len(middle) for _, middle, _ in rows) + 2
    lines = [f"  {name:<12}{middle:<{width}}{last}".rstrip() for name, middle, last in rows]
    lines += ["", wrapped(f"{status_told(judgement.status)}: {meaning}.")]
    if statistics is not None:
        low, high = statistics.interval90
        told = interval_told(low, high, margin=statistics.margin, unit=statistics.unit)
        lines.append(wrapped(f"difference {_signed(statistics.difference)}; {told}", indent="  "))
    return lines


def _more(judgement: Judgement, verdict: Verdict, *, pre: Verdict | None) -> list[str]:
    open_ = {gate.rule for gate in judgement.gates if gate.passed is None}
    lines = []
    citation = verdict.claim_citation
    if {"EV-002", "EV-003"} & open_ and citation is not None and citation.quoted_text:
        lines.append("  --paper-text FILE       the paper as .txt or .pdf: is the quote verbatim?")
    if "EV-013" in open_ and pre is None:
        lines.append("  --preregistration FILE  what was fixed before the runs")
    return lines


def _signed(value: float) -> str:
    return f"{value:+.3g}"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.3g}"
