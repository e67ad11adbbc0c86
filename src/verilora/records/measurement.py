"""Numbers with their units: what a paper reports, what was measured, what was made of both.

One unit for each record; nothing is converted, and what to compare is for others to say.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from verilora.records.given import AsGiven, Count, Digest, Flag, Number, Positive, Text, Whole

Unit = Literal["percent", "fraction", "points", "loss"]
"""percent: 0 to 100, also correlations times 100; fraction: 0 to 1; points: the metric's own
scale (BLEU, NIST, CIDEr); loss: nats."""
Value = Annotated[float, Field(strict=True, ge=-1e9, le=1e9)]
"""A metric or a loss; none is larger, so that nothing computed from them leaves JSON's range."""
Aggregation = Literal["mean", "median", "single"]
SpreadKind = Literal["sd", "se", "ci95", "unknown"]
"""sd: of single runs; se: of the aggregate; ci95: half the width of its 95 % interval."""
Seeds = Annotated[tuple[Whole, ...], Field(max_length=1000)]


class Reported(AsGiven):
    """The paper's number, with all that is printed beside it."""

    value: Value
    unit: Unit
    spread: Annotated[Value, Field(ge=0)] | None = None
    """What stands after ±, in the same unit; null if the paper prints none."""
    spread_kind: SpreadKind | None = None
    runs: Annotated[int, Field(strict=True, ge=1, le=1000)] | None = None
    aggregation: Aggregation | None = None
    decimals: Annotated[int, Field(strict=True, ge=0, le=15)] | None = None
    """Digits printed after the point."""
    items: Count | None = None
    """Evaluated items behind the value."""

    @model_validator(mode="after")
    def _single(self) -> Reported:
        if self.aggregation == "single" and self.runs not in (None, 1):
            raise ValueError(f"aggregation is 'single', of {self.runs} runs; say mean or median")
        return self


class Measured(AsGiven):
    """Our numbers: one value for each run, failed ones included.

    `seeds` are those of `values`, in the same order. `failed` lists the seeds whose runs failed;
    one that does not stand in `seeds` too has no number, be it its own or the majority class's.
    """

    values: Annotated[tuple[Value, ...], Field(max_length=1000)]
    unit: Unit
    aggregation: Aggregation | None = None
    value: Value | None = None
    """The aggregate."""
    mean: Value | None = None
    sd: Annotated[Value, Field(ge=0)] | None = None
    runs: Whole | None = None
    """All that were made, failed ones included."""
    seeds: Seeds | None = None
    failed: Seeds = ()
    evaluated: Count | None = None
    full_size: Count | None = None
    """Items that were evaluated, and that the paper's split has."""

    @model_validator(mode="after")
    def _counts(self) -> Measured:
        if self.seeds is not None:
            refuse_repeated(self.seeds)
            if len(self.seeds) != len(self.values):
                counts = f"{len(self.seeds)} seeds and {len(self.values)} values"
                raise ValueError(f"found {counts}; one seed for each value is wanted")
        if self.evaluated and self.full_size and self.evaluated > self.full_size:
            raise ValueError(f"{self.evaluated} items of {self.full_size} cannot be evaluated")
        if self.runs is not None and self.runs < len(self.values):
            raise ValueError(f"{len(self.values)} values cannot come from {self.runs} runs")
        return self


class Statistics(AsGiven):
    """What the decision rests on; all but `degrees_of_freedom` in `unit`."""

    unit: Unit
    margin: Positive
    """Half the width of what counts as the same."""
    margin_source: Text | None = None
    difference: Number
    """Ours less the paper's."""
    standard_error: Annotated[Number, Field(ge=0)]
    degrees_of_freedom: Positive | None
    """null: without bound (no spread was sampled on either side)."""
    interval90: tuple[Number, Number]
    prediction95: tuple[Number, Number] | None = None
    """Where one more result of the paper's kind would lie if its runs were like ours."""
    compatible: Flag | None = None
    """The paper's value lies in `prediction95`. Never means that it was reproduced."""
    method: Text


class Inputs(AsGiven):
    """What a run is made from, its seed and its data aside."""

    recipe: Digest
    """Of the recipe without seed and threads."""
    base: Digest | None = None
    """Of the base's tensors, the head left out."""
    start: Digest | None = None
    """Of the adapter_model.safetensors that training starts from; null: a fresh adapter."""


class Sanity(AsGiven):
    """What shows that the machinery worked: one entry for each run in the lists."""

    majority: Value | None = None
    """What always giving the most frequent answer scores, in `unit`."""
    unit: Unit | None = None
    trainable_expected: Whole | None = None
    """Trainable scalars as computed from the configuration."""
    trainable: tuple[Whole, ...] = ()
    adapter: tuple[Whole, ...] = ()
    encoder: tuple[Whole, ...] = ()
    """Scalars of the adapter, and of the encoder without adapter and head."""
    losses_first: tuple[Value, ...] = ()
    losses_last: tuple[Value, ...] = ()
    """Mean training loss over the first and the last tenth of the steps, in nats."""
    data_expected: Digest | None = None
    data: tuple[Digest, ...] = ()
    inputs_expected: Inputs | None = None
    inputs: tuple[Inputs, ...] = ()


def refuse_repeated(seeds: Any) -> None:
    """Raises ValueError if a seed stands in the list more than once."""
    twice = sorted({seed for seed in seeds if list(seeds).count(seed) > 1})
    if twice:
        listed = ", ".join(map(str, twice))
        raise ValueError(
            f"seed {listed} stands there twice; the same seed is the same run, say others"
        )
