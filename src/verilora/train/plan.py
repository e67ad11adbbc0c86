"""Before a run: what it trains, how long it is and how much memory it takes. Nothing is trained."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from verilora.errors import VeriloraError
from verilora.records.recipe import Recipe
from verilora.records.run import Parameters
from verilora.train.forecast import PlannedMemory, forecast
from verilora.train.language import shape_of_pass
from verilora.train.material import Material, gather
from verilora.train.step import micro_batches
from verilora.train.timetable import Timetable

MEGABYTE = 1_000_000
EPOCHS_LOOKED_AT = 3
"""Epochs whose batches are laid out; later ones only shuffle the same examples."""


@dataclass(frozen=True)
class Shape:
    """Of one forward pass: rows, and tokens that each is padded to."""

    rows: int
    tokens: int


@dataclass(frozen=True)
class Plan:
    """One run foretold. Counts are exact; bytes are compared with the run's in `Run.memory`."""

    recipe: str
    method: str
    train_rows: int
    validation_rows: int
    steps: int
    epochs: float
    """What the steps come to."""
    tokens: int
    """Real tokens that training sees."""
    padded_tokens: int
    """Tokens that it computes, padding included."""
    largest: Shape
    """The forward pass that takes the most memory."""
    largest_indices: tuple[int, ...]
    """Its training examples."""
    parameters: Parameters
    memory: PlannedMemory
    seconds: float | None = None
    """Of training, where a pace was given."""

    def to_mapping(self) -> dict[str, Any]:
        """Plain JSON data."""
        plain = {name: value for name, value in asdict(self).items() if name != "largest_indices"}
        return {
            **plain,
            "parameters": self.parameters.to_mapping(),
            "memory": self.memory.to_mapping(),
        }

    def as_text(self) -> str:
        """A table for a person."""
        width = max(len(name) for name, _ in self._rows())
        return "\n".join(f"{name:<{width}}  {told}" for name, told in self._rows())

    def __str__(self) -> str:
        return self.as_text()

    def _rows(self) -> list[tuple[str, str]]:
        counts, memory = self.parameters, self.memory
        padding = self.padded_tokens / max(1, self.tokens) - 1
        whole = memory.loading > memory.weights
        rows = [
            ("recipe", f"{self.recipe} ({self.method})"),
            ("data", f"{self.train_rows:,} training, {self.validation_rows:,} validation examples"),
            ("steps", f"{self.steps:,} ({self.epochs:g} epoch{'s' * (self.epochs != 1)})"),
            ("tokens", f"{self.tokens:,}, and {padding:.1%} of padding"),
            ("largest batch", f"{self.largest.rows} x {self.largest.tokens} tokens"),
            ("parameters", f"{counts.total:,}"),
            ("  trained", f"{counts.trainable:,} ({counts.trainable / counts.total:.2%})"),
            ("    adapter", f"{counts.adapter:,}"),
            ("    head", f"{counts.head:,}"),
            ("memory at the peak", megabytes(memory.peak)),
            *([("  loading", f"{megabytes(memory.loading)} (the base whole)")] if whole else []),
            ("  weights", megabytes(memory.weights)),
            ("  adapter", megabytes(memory.adapter)),
            ("  optimiser state", megabytes(memory.optimizer)),
            ("  best weights kept", megabytes(memory.kept_best)),
            ("  training step", f"{megabytes(memory.activations)} (gradients, activations)"),
            ("  evaluation", f"{megabytes(memory.evaluation)} (instead of a training step)"),
            ("  allocator", f"{megabytes(memory.allocator)} (estimate)"),
        ]
        if self.seconds is not None:
            rows.append(("training time", f"{self.seconds:,.0f} s at the pace measured"))
        return rows


def plan(recipe: Recipe, *, tokens_per_second: float | None = None) -> Plan:
    """Reads the base's config, the tokenizer and the data, but no weight; takes seconds.

    `tokens_per_second` (padding included) gives a time. A base that cannot be traced without
    contents is traced with random ones. Raises what `gather` and `attach` raise.
    """
    return plan_of(gather(recipe, weights=False), tokens_per_second=tokens_per_second)


def plan_of(material: Material, *, tokens_per_second: float | None = None) -> Plan:
    """As `plan`, for what was gathered already."""
    try:
        return plan_for(material, tokens_per_second=tokens_per_second)
    except VeriloraError:
        raise
    except Exception:  # whatever a model does with values that are not there
        return plan_for(material, tokens_per_second=tokens_per_second, contents=True)


def plan_for(
    material: Material, *, tokens_per_second: float | None = None, contents: bool = False
) -> Plan:
    """The plan for what was gathered already; `contents` as in `forecast`."""
    recipe, lengths = material.recipe, material.train.lengths
    timetable = Timetable(lengths, recipe.training)
    passes = _passes(material, timetable)
    largest, indices = max(passes, key=lambda one: (one[0].rows * one[0].tokens, one[0].tokens))
    parameters, memory = forecast(material, training=indices, contents=contents)
    seen = timetable.steps / timetable.steps_per_epoch
    computed = sum(shape.rows * shape.tokens for shape, _ in passes)
    padded = int(computed * seen / min(EPOCHS_LOOKED_AT, seen))
    return Plan(
        recipe=recipe.name,
        method=recipe.training.method,
        train_rows=len(material.train.examples),
        validation_rows=len(material.validation.examples),
        steps=timetable.steps,
        epochs=seen,
        tokens=_tokens(lengths, timetable),
        padded_tokens=padded,
        largest=largest,
        largest_indices=tuple(indices),
        parameters=parameters,
        memory=memory,
        seconds=padded / tokens_per_second if tokens_per_second else None,
    )


def megabytes(count: int) -> str:
    """Bytes as MB (1,000,000 bytes)."""
    return f"{count / MEGABYTE:,.1f} MB"


def _passes(material: Material, timetable: Timetable) -> list[tuple[Shape, list[int]]]:
    """The forward passes of the first epochs, cut where the run ends before them."""
    training = material.recipe.training
    steps = min(timetable.steps, EPOCHS_LOOKED_AT * timetable.steps_per_epoch)
    return [
        (Shape(*shape_of_pass(material.train, part, training=training)), part)
        for step in range(steps)
        for part in micro_batches(material.train, timetable.batch(step), training=training)
    ]


def _tokens(lengths: list[int], timetable: Timetable) -> int:
    whole, rest = divmod(timetable.steps, timetable.steps_per_epoch)
    last = sum(lengths[index] for batch in timetable.batches(whole)[:rest] for index in batch)
    return whole * sum(lengths) + last
