"""Memory by phase, from one step on tensors without contents: nothing is loaded or computed.

The step is the real one's: same model class, adapter, autocast, optimiser, shapes. Its bytes are
those of a real step to the byte (see the tests); what a process holds beside its tensors is the
allocator's, and told apart.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch._subclasses import FakeTensorMode

from verilora.data.batches import evaluation_batches
from verilora.data.tasks import CAUSAL
from verilora.records.run import Parameters
from verilora.train.build import (
    Build,
    assemble,
    choose_trained,
    count_parameters,
)
from verilora.train.evaluate import BATCH_SIZE
from verilora.train.evaluate_texts import TOKENS
from verilora.train.footprint import Footprint
from verilora.train.graded import answer
from verilora.train.loading import empty_model
from verilora.train.material import Material
from verilora.train.quantised import keep_base
from verilora.train.rehearsal import backward_of
from verilora.train.session import Session, open_session
from verilora.train.start import find_start

ALLOCATOR_SHARE = 0.75
"""Of the highest phase: what glibc's heap holds beside the tensors, in gaps that no later tensor
fits. Measured with MiniLM-L6 and 16 rows: 0.3 to 0.6 in the first step, 0.7 to 1.0 when a run has
seen many lengths, and once 1.4."""


@dataclass(frozen=True)
class PlannedMemory:
    """Bytes. A peak holds weights, adapter and optimiser state beside what its phase adds."""

    loading: int
    """Highest while the base is loaded: whole, also where it is quantised then."""
    weights: int
    """The base with its head, as they are kept."""
    adapter: int
    gradients: int
    optimizer: int
    kept_best: int
    """Copies of the trained weights at the best evaluation."""
    activations: int
    """Highest in forward and backward of the largest batch, gradients included."""
    evaluation: int
    """Highest in the forward pass of the largest evaluation batch."""
    allocator: int
    """What the process holds beside its tensors; an estimate."""

    @property
    def peak(self) -> int:
        """The highest of all phases."""
        fixed = self.weights + self.adapter + self.optimizer + self.kept_best
        return max(self.loading, fixed + max(self.activations, self.evaluation) + self.allocator)

    def to_mapping(self) -> dict[str, int]:
        """Plain JSON data: bytes by phase, and the peak."""
        return {item.name: getattr(self, item.name) for item in fields(self)} | {"peak": self.peak}


def forecast(
    material: Material,
    *,
    training: Sequence[int],
    evaluation: Sequence[int] | None = None,
    contents: bool = False,
) -> tuple[Parameters, PlannedMemory]:
    """Exact parameter counts, and the memory of a step on these training examples, on the CPU.

    `evaluation` names validation examples, by default the first batch of an evaluation, its
    longest. With `contents` the tensors are real ones, for a base whose way depends on values.
    """
    evaluation = evaluation or largest_evaluation(material)
    mode = contextlib.nullcontext() if contents else FakeTensorMode()
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]), mode:
        warnings.simplefilter("ignore")  # torch's on pointers of tensors without contents
        with Footprint() as footprint:
            return _trace(material, footprint, training=training, evaluation=evaluation)


def largest_evaluation(material: Material) -> list[int]:
    """The batch of an evaluation that takes the most memory: the longest examples come first."""
    tokens = TOKENS if material.dataset.task.kind == CAUSAL else None
    return evaluation_batches(material.validation.lengths, BATCH_SIZE, tokens=tokens)[0]


def _trace(
    material: Material,
    footprint: Footprint,
    *,
    training: Sequence[int],
    evaluation: Sequence[int],
) -> tuple[Parameters, PlannedMemory]:
    model, head = empty_model(material, torch.device("cpu"))
    footprint.reset_peak()
    keep_base(model, material.recipe, head=head)
    loading, weights = footprint.peak_bytes, footprint.live_bytes
    choose_trained(model, material.recipe, head=head)
    find_start(material.recipe, model, head=head)
    adapter = footprint.live_bytes - weights
    build = assemble(material, model, head=head, base_digests={})
    session = open_session(build)
    trained = sum(p.numel() * p.element_size() for p in session.trained.values())
    optimizer = _optimizer_state(session, footprint)
    activations = _training_peak(session, training, footprint=footprint)
    parameters = count_parameters(model, head)
    found = _evaluation_peak(build, evaluation, footprint=footprint)
    best = material.recipe.training.select == "best"
    return parameters, PlannedMemory(
        loading=loading,
        weights=weights,
        adapter=adapter,
        gradients=trained,
        optimizer=optimizer,
        kept_best=trained if best else 0,
        activations=activations,
        evaluation=found,
        allocator=int(ALLOCATOR_SHARE * max(activations, found)),
    )


def _optimizer_state(session: Session, footprint: Footprint) -> int:
    """Bytes that the optimiser keeps from its first step on."""
    before = footprint.live_bytes
    for parameter in session.trained.values():
        parameter.grad = torch.zeros_like(parameter)
    session.optimizer.step()
    session.optimizer.zero_grad(set_to_none=True)
    return footprint.live_bytes - before


def _training_peak(session: Session, indices: Sequence[int], *, footprint: Footprint) -> int:
    """Of a step as take_step takes it; clipping, in place, needs nothing."""
    before = footprint.live_bytes
    footprint.reset_peak()
    backward_of(session.build, indices)
    session.optimizer.step()
    return footprint.peak_bytes - before


def _evaluation_peak(build: Build, indices: Sequence[int], *, footprint: Footprint) -> int:
    build.model.zero_grad(set_to_none=True)
    build.model.eval()
    before = footprint.live_bytes
    footprint.reset_peak()
    answer(build, build.validation, indices=indices)
    return footprint.peak_bytes - before
