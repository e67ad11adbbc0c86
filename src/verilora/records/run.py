"""Run: what came out of one recipe under one seed (`verilora.run/1`, run.json)."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from verilora.records.given import Digest
from verilora.records.record import Growing, Record

FORMAT = "verilora.run/1"
Unit = Literal["percent", "points", "loss"]


class Metric(Record):
    """A measured value with its unit: percent (89.7, also for correlations times 100), points of
    the metric's own scale (perplexity 12.3), or loss."""

    value: float
    unit: Unit = "percent"


class Selection(Record):
    """Which evaluation the handed-over weights come from, and by which rule."""

    rule: Literal["last", "best"]
    step: int
    metric: str
    evaluations: int
    """How many evaluations there were to choose from."""


class Parameters(Record):
    """Counts of scalars."""

    total: int
    trainable: int
    adapter: int
    head: int


class DataFacts(Record):
    """Rows used, what was dropped and why, and what the majority class alone would score."""

    train_rows: int
    validation_rows: int
    dropped: dict[str, int] = Field(default_factory=dict)
    truncated: int = 0
    majority: dict[str, Metric] = Field(default_factory=dict)


class Digests(Record):
    """`sha256:<hex>` of what went in and what came out."""

    base: str
    data: str
    recipe: str
    adapter: str | None
    """Of adapter_model.safetensors; None for a method without an adapter."""
    predictions: str
    start: str | None = None
    """Of the adapter_model.safetensors that the training started from."""


class Timings(Record):
    """Wall seconds; tokens and examples that training saw."""

    total_seconds: float
    train_seconds: float
    evaluate_seconds: float
    train_tokens: int
    train_examples: int


class Memory(Record):
    """Bytes at the peak of the process above what it held before the model was built."""

    peak_bytes: int | None
    planned_bytes: int | None


class CurvePoint(Record):
    """One evaluation: the step it came after, its loss and metrics (each in its unit)."""

    step: int
    epoch: float
    loss: float
    metrics: dict[str, float]


class LossCurve(Record):
    """The training loss: means over each `every` steps, from the first; the last may be fewer."""

    every: int = Field(ge=1)
    means: tuple[float, ...]


class Run(Growing):
    """One finished run. Times, machine and versions differ between machines; the rest may not."""

    LATER: ClassVar[frozenset[str]] = frozenset({"training_loss", "base"})

    format: Literal["verilora.run/1"] = FORMAT
    recipe: str
    """The recipe's name."""
    method: Literal["lora", "head", "full"]
    base: Literal["nf4", "int8"] | None = None
    """How the base's linear layers were kept; None: whole."""
    seed: int
    steps: int
    metrics: dict[str, Metric]
    main_metric: str
    loss_first: float
    loss_last: float
    """Mean training loss over the first and the last tenth of the steps."""
    selection: Selection
    curve: tuple[CurvePoint, ...]
    training_loss: LossCurve | None = None
    """Thinned; every step stands in events.jsonl. None in runs from before it was kept."""
    parameters: Parameters
    data: DataFacts
    digests: Digests
    timings: Timings
    memory: Memory
    environment: dict[str, str]
    resumed: int = 0
    """How often the run was taken up again from a checkpoint."""
    preregistration: Digest | None = None
    """Of the plan that the run was made under."""
