"""Making verdicts: a preregistration before the runs, and what came of it after them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from verilora.errors import DataError
from verilora.records.measurement import Inputs, Reported, Unit
from verilora.records.protocol import Row
from verilora.records.recipe import Recipe
from verilora.records.run import Run
from verilora.records.verdict import (
    FORMAT,
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
from verilora.verdict.comparison import refuse_unsound, reported_of
from verilora.verdict.gates import QUOTE
from verilora.verdict.limits import Reason
from verilora.verdict.protocol import deviations, level_of
from verilora.verdict.weigh import weigh
from verilora.verdict.work import Result, Work, failures, measured_of, ordered, sanity_of


@dataclass(frozen=True)
class Stamp:
    """Who computed a verdict, and when (ISO 8601 with its zone); a function has no clock."""

    agent_version: str
    computed_at: str


def preregister(
    citation: Citation,
    reported: Reported | None,
    *,
    protocol: Sequence[Row],
    plan: Plan,
    forecast: float | None,
    stamp: Stamp,
) -> Verdict:
    """The verdict of kind PRE that fixes what will be done; its digest goes into every run.

    `reported` is None where the plan has a reference, which is measured under it too. `forecast`
    is the probability that the difference will lie within the margin.
    Raises DataError if the plan and the reported number have different units, or if a comparison
    of two measured sides leaves open what its rules need.
    """
    if plan.reference is not None:
        refuse_unsound(plan)
    elif reported is None:
        raise _refused("there is no reported number, and the plan has no reference to measure")
    elif plan.unit != reported.unit:
        raise _refused(f"the margin is in {plan.unit}, the paper's number in {reported.unit}")
    rows = tuple(protocol)
    made = Verdict(
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
        protocol=rows,
        plan=plan,
        caveats=deviations(rows),
    )
    return _identified(made if reported is None else made.replace(reported=reported))


def prospects(preregistration: Verdict) -> tuple[Status, tuple[Reason, ...]]:
    """(the highest status that can come of it, what holds it there), if all else goes well."""
    weighed = weigh(Case(preregistration))
    return weighed.highest, weighed.reasons


def result_of(
    run: Run, metric: str | None = None, *, recipe: Recipe | None = None, unit: Unit = "percent"
) -> Result:
    """The result in a run record; `metric` by default the run's main one, in that unit.

    `recipe` is the one that the run was made from, as it lies beside the record.
    """
    name = metric or run.main_metric
    if name not in run.metrics:
        raise _refused(f"the run has {', '.join(sorted(run.metrics))}; '{name}' is wanted")
    if run.metrics[name].unit != unit:
        raise _refused(f"'{name}' is measured in {run.metrics[name].unit}; {unit} is wanted")
    return Result(
        seed=run.seed,
        value=run.metrics[name].value,
        run=run.digest,
        trainable=run.parameters.trainable,
        adapter=run.parameters.adapter,
        encoder=run.parameters.total - run.parameters.adapter - run.parameters.head,
        losses=(run.loss_first, run.loss_last),
        data=run.digests.data,
        inputs=None if recipe is None else _inputs(run, recipe),
        preregistration=run.preregistration,
    )


def _inputs(run: Run, recipe: Recipe) -> Inputs:
    # A recipe that the record does not name was not run: what was run stays unlike any plan's.
    named = recipe.digest == run.digests.recipe and recipe.training.seed == run.seed
    shared = recipe.plan_digest if named else run.digests.recipe
    return Inputs(recipe=shared, base=run.digests.base, start=run.digests.start)


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
    failed = (*failures(work.results), *failures(work.reference, whose=" of the reference"))
    told = (*work.caveats, *failed, *(reason.sentence for reason in reasons))
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
    plan = _plan_of(preregistration)
    results, others = ordered(work.results), ordered(work.reference)
    made = [result for result in (*results, *others) if result.run is not None]
    named = {result.preregistration for result in made}
    registered = named == {_named_by_runs(preregistration, work)}
    draft = Verdict(
        format=FORMAT,
        kind="POST",
        status="inconclusive",
        agent_version=stamp.agent_version,
        computed_at=stamp.computed_at,
        is_current=True,
        claim_citation=preregistration.claim_citation,
        reported=preregistration.reported,
        measured=measured_of(results, plan, work=work),
        protocol=work.protocol if work.protocol is not None else preregistration.protocol,
        preregistration=preregistration.digest if registered else None,
        exploratory=not registered,
        runs=_digests(results),
        artifacts=work.artifacts,
        sanity=sanity_of(results, plan, side=plan),
    )
    if plan.reference is None and not others:
        return draft
    return draft.replace(**_reference(plan, work, others=others))


def _named_by_runs(preregistration: Verdict, work: Work) -> str:
    """The digest that a run made under the preregistration names: its own, or that of the record
    of those that were fixed together with it."""
    together = work.together
    if together is not None and preregistration.digest in together.digests:
        return together.digest
    return preregistration.digest


def _reference(plan: Plan, work: Work, *, others: tuple[Result, ...]) -> dict[str, Any]:
    """The other side's fields of a comparison, and `reported` as it follows from them."""
    if plan.reference is None:
        raise _refused(f"{len(others)} runs of a reference are given, and the plan has none")
    if not others:
        raise _refused(f"no run of '{plan.reference.name}' is given, and the plan compares with it")
    measured = measured_of(others, plan, work=work)
    return {
        "reported": reported_of(measured),
        "reference_measured": measured,
        "reference_runs": _digests(others),
        "reference_sanity": sanity_of(others, plan, side=plan.reference),
    }


def _digests(results: tuple[Result, ...]) -> tuple[str, ...]:
    return tuple(result.run for result in results if result.run is not None)


def _plan_of(preregistration: Verdict) -> Plan:
    if preregistration.kind != "PRE" or preregistration.plan is None:
        raise _refused(f"a verdict of kind {preregistration.kind} without a plan was given; PRE")
    return preregistration.plan


def _identified(verdict: Verdict) -> Verdict:
    return verdict.replace(id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"verilora:{verdict.digest}")))


def _refused(message: str) -> DataError:
    return DataError(message, file=None, line=None)
