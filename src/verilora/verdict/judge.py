"""Judging any verdict document by the rules, from the numbers in it.

What a document says of itself is never raised and never taken on trust: level, statistics, score
and confidence are computed again, and where its numbers are missing, the reasons say so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from verilora.records.given import AsGiven, Flag, Share, Text
from verilora.records.measurement import Statistics
from verilora.records.protocol import Level
from verilora.records.verdict import Decision, Gate, Status, Verdict, VerdictDocument
from verilora.verdict.case import Case
from verilora.verdict.gates import QUOTE, RECORDED
from verilora.verdict.limits import Reason
from verilora.verdict.lower import meet
from verilora.verdict.plausibility import unrecorded
from verilora.verdict.weigh import Weighed, weigh

TOLERANCE = 1e-4
"""Points, or probability, by which what is stated may miss what is computed."""


class Declared(AsGiven):
    """What the document says of itself."""

    status: Status
    level: Level | None
    score: Share | None
    confidence: Share | None


class Judgement(AsGiven):
    """What a document comes to by the rules (`verilora.judgement/1`)."""

    format: Literal["verilora.judgement/1"]
    status: Status
    level: Level
    decision: Decision | None
    """null where there are no numbers to decide from."""
    score: Share | None
    """Probability that the difference lies within the margin."""
    confidence: Share
    """Probability that the same work would come to the same status."""
    statistics: Statistics | None
    reasons: tuple[Reason, ...]
    gates: tuple[Gate, ...]
    declared: Declared | None
    agrees: Flag
    """Status, level and numbers are those that the document declares."""
    verdict_id: Text | None = None


def judge(
    document: VerdictDocument,
    *,
    preregistration: Verdict | None = None,
    paper_text: str | None = None,
    anchors: Mapping[str, str] | None = None,
) -> Judgement:
    """Status, level, statistics and reasons of the verdict in a document.

    The preregistration is the document's own (verdicts.pre) unless another is handed in. The
    status is the highest that both the rules and the document itself allow: judging may only
    lower. Raises DataError where no margin is stated and none is sound by default.
    """
    verdict = verdict_of(document)
    if verdict is None:
        return _empty()
    held = document.verdicts.pre if document.verdicts else None
    case = Case(verdict, preregistration or held, paper_text, anchors)
    weighed = weigh(case)
    status = meet(verdict.status, "pending" if verdict.kind == "PRE" else weighed.highest)
    differing = tuple(_differing(document, verdict, weighed=weighed, status=status))
    ruling = weighed.ruling
    return Judgement(
        format="verilora.judgement/1",
        status=status,
        level=weighed.level,
        decision=ruling.decision if ruling else None,
        score=ruling.score if ruling else None,
        confidence=_confidence(verdict, weighed),
        statistics=ruling.statistics if ruling else None,
        reasons=(*_told(case, weighed), *differing),
        gates=weighed.gates,
        declared=Declared(
            status=verdict.status,
            level=verdict.protocol_match,
            score=verdict.score,
            confidence=verdict.confidence,
        ),
        agrees=not differing,
        verdict_id=verdict.id,
    )


def verdict_of(document: VerdictDocument) -> Verdict | None:
    """The verdict that a document is about: its own, else the newest of its kinds."""
    kinds = document.verdicts
    return document.verdict or (kinds and (kinds.post or kinds.pre)) or None


def _empty() -> Judgement:
    sentence = "the document holds no verdict; nothing was attempted, or it was left out"
    return Judgement(
        format="verilora.judgement/1",
        status="not_attempted",
        level="unknown",
        decision=None,
        score=None,
        confidence=0.0,
        statistics=None,
        reasons=(Reason(name="no-verdict", sentence=sentence),),
        gates=(),
        declared=None,
        agrees=True,
    )


def _confidence(verdict: Verdict, weighed: Weighed) -> float:
    declared = verdict.confidence
    if weighed.ruling is None and declared is None:
        return 0.0
    return weighed.confidence if declared is None else min(declared, weighed.confidence)


def _told(case: Case, weighed: Weighed) -> Iterator[Reason]:
    """The reasons of the ruling, with what is not recorded named one by one."""
    if case.verdict.kind == "PRE":
        sentence = "this is a preregistration: it says what will be done, and nothing was run"
        yield Reason(name="preregistration", sentence=sentence)
    for reason in weighed.reasons:
        if reason.name == RECORDED:
            yield from unrecorded(case.verdict)
        elif reason.name == QUOTE:
            yield Reason(name="quote-not-verbatim", sentence=reason.sentence)
        else:
            yield reason
    quote = next(gate for gate in weighed.gates if gate.rule == QUOTE)
    once = any(gate.rule == QUOTE and gate.passed for gate in case.verdict.gates or ())
    if quote.passed is None and case.verdict.claim_citation is not None and not once:
        yield Reason(name="quote-not-verbatim", sentence=quote.detail)


def _differing(
    document: VerdictDocument, verdict: Verdict, *, weighed: Weighed, status: Status
) -> Iterator[Reason]:
    """Where the document says something else than its numbers."""
    if status != verdict.status:
        told = f"the document says '{verdict.status}'; by the rules it is '{status}'"
        yield Reason(name="status-differs", sentence=told)
    if verdict.protocol_match is not None and verdict.protocol_match != weighed.level:
        told = f"the document says '{verdict.protocol_match}'; its rows make it '{weighed.level}'"
        yield Reason(name="level-differs", sentence=told)
    kinds = document.verdicts
    own = kinds and (kinds.post if verdict.kind == "POST" else kinds.pre)
    if own is not None and own != verdict:
        told = "'verdict' and the verdict of its kind in 'verdicts' differ; 'verdict' was judged"
        yield Reason(name="two-verdicts", sentence=told)
    yield from _numbers(verdict, weighed)


def _numbers(verdict: Verdict, weighed: Weighed) -> Iterator[Reason]:
    ruling = weighed.ruling
    confidence = verdict.confidence
    if confidence is not None and confidence > weighed.confidence + TOLERANCE:
        told = f"the document is {confidence:g} confident; {weighed.confidence:g} at most is sound"
        yield Reason(name="confidence-differs", sentence=told)
    if ruling is None:
        return
    if verdict.decision is not None and verdict.decision != ruling.decision:
        told = f"the document decides '{verdict.decision}'; its numbers give '{ruling.decision}'"
        yield Reason(name="decision-differs", sentence=told)
    if verdict.score is not None and not _close(verdict.score, ruling.score):
        told = f"the document's score is {verdict.score:g}; its numbers give {ruling.score}"
        yield Reason(name="score-differs", sentence=told)
    if verdict.statistics is not None and not _same(verdict.statistics, ruling.statistics):
        told = "the document's statistics are not those that its numbers give"
        yield Reason(name="statistics-differ", sentence=told)


def _close(stated: float | None, found: float | None) -> bool:
    if stated is None or found is None:
        return stated is found
    return abs(stated - found) <= TOLERANCE


def _same(stated: Statistics, found: Statistics | None) -> bool:
    if found is None or stated.unit != found.unit:
        return False
    names = ("margin", "difference", "standard_error", "degrees_of_freedom")
    pairs = [(getattr(stated, name), getattr(found, name)) for name in names]
    pairs += list(zip(stated.interval90, found.interval90, strict=True))
    return all(_close(first, second) for first, second in pairs)
