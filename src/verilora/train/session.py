"""A run's live state: all that a checkpoint must hold, and what it works with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from verilora.errors import RecipeError
from verilora.records.recipe import TrainingSection
from verilora.records.run import CurvePoint
from verilora.train.build import Build, trained_parameters, within
from verilora.train.evaluate import Evaluation
from verilora.train.optim import (
    Schedule,
    freeze_first_factors,
    optimizer,
    schedule,
    second_factors,
)
from verilora.train.quiet import quiet_transformers
from verilora.train.selection import Choice
from verilora.train.stream import RandomStream
from verilora.train.timetable import Timetable


@dataclass
class Totals:
    """What the run has used so far."""

    train_seconds: float = 0.0
    evaluate_seconds: float = 0.0
    tokens: int = 0
    examples: int = 0


@dataclass
class Session:
    """Made by `open_session`; changed by the loop alone."""

    build: Build
    trained: dict[str, nn.Parameter]
    optimizer: torch.optim.Optimizer
    factor: Schedule
    timetable: Timetable
    stream: RandomStream
    choice: Choice = field(default_factory=Choice)
    totals: Totals = field(default_factory=Totals)
    step: int = 0
    """Steps done."""
    curve: list[CurvePoint] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    """Training loss of each step."""
    last: Evaluation | None = None
    """The evaluation of the weights as they are now, if there was one in this process."""
    resumed: int = 0
    """How often the run was taken up again."""
    preregistration: str | None = None
    """Digest of the plan that the run is made under."""
    notes: list[str] = field(default_factory=list)
    """What is worth saying when it starts."""

    @property
    def training(self) -> TrainingSection:
        """The recipe's training section."""
        return self.build.recipe.training

    @property
    def finished(self) -> bool:
        """True if no step is to be taken any more."""
        return self.step >= self.timetable.steps or self.choice.exhausted(self.training)


def open_session(build: Build) -> Session:
    """A session at step 0; the model is put into the mode in which it trains."""
    training = build.recipe.training
    if training.frozen_a:
        freeze_first_factors(build.model)
    trained = trained_parameters(build.model)
    timetable = Timetable(build.train.lengths, training)
    _prepare(build)
    return Session(
        build=build,
        trained=trained,
        optimizer=optimizer(trained.values(), training, second=second_factors(build.model)),
        factor=schedule(training, timetable.steps),
        timetable=timetable,
        stream=RandomStream(training.seed, build.device),
        notes=list(build.notes),
    )


def _prepare(build: Build) -> None:
    """Dropout works where something is trained: everywhere, or in the head alone."""
    training = build.recipe.training
    build.model.train()
    if training.method == "head":
        inner = build.model.base_model_prefix
        for path, module in build.model.named_modules():
            if path and within(path, (inner,)):
                module.training = within(path, build.head)
    if training.gradient_checkpointing:
        _checkpoint_activations(build)


def _checkpoint_activations(build: Build) -> None:
    model: Any = build.model
    if getattr(model.config, "use_cache", False):
        # Nothing is written on in a step; transformers would say so on stderr and turn it off.
        model.config.use_cache = False
    # Named so in newer versions of transformers; the older name warns there.
    enable = getattr(model, "activation_checkpointing_enable", None)
    with quiet_transformers():
        try:
            (enable or model.gradient_checkpointing_enable)({"use_reentrant": False})
        except ValueError as error:
            raise RecipeError(
                f"recipe '{build.recipe.name}'",
                [f"training.gradient_checkpointing is true, and it cannot be: {error}"],
            ) from error
