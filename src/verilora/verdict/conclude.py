"""Making verdicts: a preregistration before the runs, and what came of it after them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from verilora.errors import DataError
from verilora.records.measurement import Measured, Reported, Sanity
from verilora.records.protocol import Row
from verilora.records.run import Run
from verilora.records.verdict import (
    FORMAT,
    Artifact,
    Citation,
    Paper,
    PaperVersion,
    Plan,
    Status,
    Verdict,
    VerdictDocument,
    Verdicts,
)
from verilora.verdict.case import Case
from verilora.verdict.figures import rounded
from verilora.verdict.gates import QUOTE
from verilora.verdict.limits import Reason
from verilora.verdict.protocol import deviations, level_of
from verilora.verdict.statistics import side_of
from verilora.verdict.weigh import weigh


@dataclass(frozen=True)
class Stamp:
    """Who computed a verdict, and when (ISO 8601 with its zone); a function has no clock."""

    agent_version: str
    computed_at: str


@dataclass(frozen=True)
class Result:
    """What one seed came to. `failed` says why a run counts as failed; without a value of its own
    it counts with that of the majority class, or with no number where that is not known."""

    seed: int
    value: float | None
    run: str | None = None
    """Digest of the run record."""
    failed: str | None = None
    trainable: int | None = None
    losses: tuple[float, float] | None = None
    """Mean over the first and the last tenth of the steps."""
    data: str | None = None
    """Digest of the data."""
    preregistration: str | None = None
    """Digest that the run record names."""


@dataclass(frozen=True)
class Work:
    """All that was done under a preregistration."""

    results: tuple[Result, ...]
    evaluated: int | None
    full_size: int | None
    protocol: tuple[Row, ...] | None = None
    """Rows as they turned out; None: as preregistered."""
    artifacts: tuple[Artifact, ...] = ()
    caveats: tuple[str, ...] = field(default=())


def preregister(
    citation: Citation,
    reported: Reported,
    *,
    protocol: Sequence[Row],
    plan: Plan,
    forecast: float | None,
    stamp: Stamp,
) -> Verdict:
    """The verdict of kind PRE that fixes what will be done; its digest goes into every run.

    `forecast` is the probability that the difference will lie within the margin.
    Raises DataError if the plan and the reported number have different units.
    """
    if plan.unit != reported.unit:
        raise _refused(f"the margin is in {plan.unit}, the paper's number in {reported.unit}")
    rows = tuple(protocol)
    return _identified(
        Verdict(
            format=FORMAT,
            kind="PRE",
            status="pending",
            score=forecast,
            score_unit="probability",
            agent_version=stamp.agent_version,
            computed_at=stamp.computed_at,
            is_current=True,
            claim_citation=citation,
            protocol_match=level_of(rows),
            reported=reported,
            protocol=rows,
            plan=plan,
            caveats=deviations(rows),
        )
    )


def prospects(preregistration: Verdict) -> tuple[Status, tuple[Reason, ...]]:
    """(the highest status that can come of it, what holds it there), if all else goes well."""
    weighed = weigh(Case(preregistration))
    return weighed.highest, weighed.reasons


def result_of(run: Run, metric: str | None = None) -> Result:
    """The result in a run record; `metric` by default the run's main one, in percent."""
    name = metric or run.main_metric
    if name not in run.metrics:
        raise _refused(f"the run has {', '.join(sorted(run.metrics))}; '{name}' is wanted")
    if run.metrics[name].unit != "percent":
        raise _refused(f"'{name}' is measured in {run.metrics[name].unit}; percent is wanted")
    return Result(
        seed=run.seed,
        value=run.metrics[name].value,
        run=run.digest,
        trainable=run.parameters.trainable,
        losses=(run.loss_first, run.loss_last),
        data=run.digests.data,
        preregistration=run.preregistration,
    )


def conclude(
    preregistration: Verdict,
    work: Work,
    *,
    stamp: Stamp,
    paper_text: str | None = None,
    anchors: Mapping[str, str] | None = None,
) -> Verdict:
    """The verdict of kind POST on work done under a preregistration.

    The same preregistration, work and stamp give the same verdict, to the byte; the order of the
    results does not matter. Runs that name another preregistration make it exploratory.
    Raises DataError for a seed that stands there twice, or no number at all.
    """
    draft = _draft(preregistration, work, stamp=stamp)
    weighed = weigh(Case(draft, preregistration, paper_text, anchors))
    ruling = weighed.ruling
    reasons = weighed.reasons[1:] if ruling else weighed.reasons
    told = (*work.caveats, *_failures(work), *(reason.sentence for reason in reasons))
    quote = [gate.detail for gate in weighed.gates if gate.rule == QUOTE and gate.passed is None]
    return _identified(
        draft.replace(
            status=weighed.highest,
            score=ruling.score if ruling else None,
            score_unit="probability",
            confidence=weighed.confidence,
            confidence_unit="probability",
            protocol_match=weighed.level,
            statistics=ruling.statistics if ruling else None,
            decision=ruling.decision if ruling else "inconclusive",
            gates=weighed.gates,
            caveats=(*told, *quote),
        )
    )


def document_of(
    verdict: Verdict,
    preregistration: Verdict,
    *,
    paper: Paper,
    version: PaperVersion | None = None,
) -> VerdictDocument:
    """The document that verdict.json holds: paper, verdict and preregistration together."""
    return VerdictDocument(
        format=FORMAT,
        paper=paper,
        latest_version=version,
        verdict=verdict,
        verdicts=Verdicts(post=verdict, pre=preregistration),
    )


def _draft(preregistration: Verdict, work: Work, *, stamp: Stamp) -> Verdict:
    results = _ordered(work)
    runs = [result.run for result in results if result.run is not None]
    named = {result.preregistration for result in results if result.run is not None}
    registered = named == {preregistration.digest}
    return Verdict(
        format=FORMAT,
        kind="POST",
        status="inconclusive",
        agent_version=stamp.agent_version,
        computed_at=stamp.computed_at,
        is_current=True,
        claim_citation=preregistration.claim_citation,
        reported=preregistration.reported,
        measured=_measured(preregistration, work),
        protocol=work.protocol if work.protocol is not None else preregistration.protocol,
        preregistration=preregistration.digest if registered else None,
        exploratory=not registered,
        runs=tuple(runs),
        artifacts=work.artifacts,
        sanity=_sanity(preregistration, results),
    )


def _ordered(work: Work) -> tuple[Result, ...]:
    return tuple(sorted(work.results, key=lambda result: result.seed))


def _measured(preregistration: Verdict, work: Work) -> Measured:
    results = _ordered(work)
    plan = _plan_of(preregistration)
    seeds = [result.seed for result in results]
    twice = sorted({seed for seed in seeds if seeds.count(seed) > 1})
    if twice:
        raise _refused(
            f"seed {', '.join(map(str, twice))} was run twice; one result each is wanted"
        )
    counted = [(r.seed, plan.majority if r.value is None else r.value) for r in results]
    kept = [(seed, value) for seed, value in counted if value is not None]
    if not kept:
        raise _refused(f"none of {len(results)} runs gave a number; at least one is wanted")
    values = tuple(value for _, value in kept)
    side, mean = side_of(values, plan.aggregation), side_of(values, "mean")
    return Measured(
        values=values,
        unit=plan.unit,
        aggregation=plan.aggregation,
        value=rounded(side.value),
        mean=rounded(mean.value),
        sd=None if mean.sd is None else rounded(mean.sd),
        runs=len(results),
        seeds=tuple(seed for seed, _ in kept),
        failed=tuple(r.seed for r in results if r.failed or r.value is None),
        evaluated=work.evaluated,
        full_size=work.full_size,
    )


def _failures(work: Work) -> tuple[str, ...]:
    failed = [r for r in _ordered(work) if r.failed or r.value is None]
    return tuple(
        f"seed {r.seed} failed and counts all the same: "
        + " ".join((r.failed or "it gave no number").split())
        for r in failed
    )


def _sanity(preregistration: Verdict, results: tuple[Result, ...]) -> Sanity:
    plan = _plan_of(preregistration)
    losses = [result.losses for result in results if result.losses is not None]
    return Sanity(
        majority=plan.majority,
        unit=plan.unit,
        trainable_expected=plan.trainable,
        trainable=tuple(r.trainable for r in results if r.trainable is not None),
        losses_first=tuple(first for first, _ in losses),
        losses_last=tuple(last for _, last in losses),
        data_expected=plan.data,
        data=tuple(r.data for r in results if r.data is not None),
    )


def _plan_of(preregistration: Verdict) -> Plan:
    if preregistration.kind != "PRE" or preregistration.plan is None:
        raise _refused(f"a verdict of kind {preregistration.kind} without a plan was given; PRE")
    return preregistration.plan


def _identified(verdict: Verdict) -> Verdict:
    return verdict.replace(id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"verilora:{verdict.digest}")))


def _refused(message: str) -> DataError:
    return DataError(message, file=None, line=None)
