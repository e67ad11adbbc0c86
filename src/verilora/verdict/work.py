"""What was done under a preregistration, and the records of its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from verilora.errors import DataError
from verilora.records.measurement import Inputs, Measured, Sanity
from verilora.records.protocol import Row
from verilora.records.together import Together
from verilora.records.verdict import Artifact, Plan, Reference
from verilora.verdict.figures import rounded
from verilora.verdict.statistics import side_of


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
    adapter: int | None = None
    encoder: int | None = None
    """Scalars of the adapter, and of the encoder without adapter and head."""
    losses: tuple[float, float] | None = None
    """Mean over the first and the last tenth of the steps."""
    data: str | None = None
    """Digest of the data."""
    inputs: Inputs | None = None
    """What the run was made from."""
    preregistration: str | None = None
    """Digest that the run record names."""


@dataclass(frozen=True)
class Work:
    """All that was done under a preregistration."""

    results: tuple[Result, ...]
    evaluated: int | None
    full_size: int | None
    reference: tuple[Result, ...] = ()
    """What the plan's reference came to, where it has one."""
    protocol: tuple[Row, ...] | None = None
    """Rows as they turned out; None: as preregistered."""
    artifacts: tuple[Artifact, ...] = ()
    together: Together | None = None
    """All preregistrations that the runs were made under, where they serve several cells."""
    caveats: tuple[str, ...] = field(default=())


def ordered(results: Sequence[Result]) -> tuple[Result, ...]:
    """The results in the order of their seeds.

    Raises DataError for a seed that stands there twice.
    """
    seeds = [result.seed for result in results]
    twice = sorted({seed for seed in seeds if seeds.count(seed) > 1})
    if twice:
        raise _refused(
            f"seed {', '.join(map(str, twice))} was run twice; one result each is wanted"
        )
    return tuple(sorted(results, key=lambda result: result.seed))


def measured_of(results: Sequence[Result], plan: Plan, *, work: Work) -> Measured:
    """The numbers of one side; failed runs count as the plan says.

    Raises DataError if no run gave a number.
    """
    counted = [(r.seed, plan.majority if r.value is None else r.value) for r in ordered(results)]
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
        failed=tuple(r.seed for r in ordered(results) if _has_failed(r)),
        evaluated=work.evaluated,
        full_size=work.full_size,
    )


def sanity_of(results: Sequence[Result], plan: Plan, *, side: Plan | Reference) -> Sanity:
    """What shows that the machinery worked; `side` says what is expected of these results."""
    losses = [result.losses for result in results if result.losses is not None]
    sanity = Sanity(
        majority=plan.majority,
        unit=plan.unit,
        trainable_expected=side.trainable,
        trainable=tuple(r.trainable for r in results if r.trainable is not None),
        losses_first=tuple(first for first, _ in losses),
        losses_last=tuple(last for _, last in losses),
        data_expected=plan.data,
        data=tuple(r.data for r in results if r.data is not None),
    )
    if side.inputs is not None:
        made = tuple(r.inputs for r in results if r.inputs is not None)
        sanity = sanity.replace(inputs_expected=side.inputs, inputs=made)
    if plan.share_below is None:
        return sanity
    counted = [(r.adapter, r.encoder) for r in results if r.adapter is not None and r.encoder]
    return sanity.replace(
        adapter=tuple(adapter for adapter, _ in counted),
        encoder=tuple(encoder for _, encoder in counted),
    )


def failures(results: Sequence[Result], *, whose: str = "") -> tuple[str, ...]:
    """A sentence for each failed run; `whose` says of which side, if it is not ours."""
    return tuple(
        f"seed {r.seed}{whose} failed and counts all the same: "
        + " ".join((r.failed or "it gave no number").split())
        for r in ordered(results)
        if _has_failed(r)
    )


def _has_failed(result: Result) -> bool:
    return bool(result.failed) or result.value is None


def _refused(message: str) -> DataError:
    return DataError(message, file=None, line=None)
