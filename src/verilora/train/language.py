"""One pass of a causal language model over some texts: what it makes of each token to be foretold.

The base runs once; its head, whatever it does (a scale, a cap, an adapter on it), is asked in
chunks through the model's own forward, with the base's answer given.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from verilora.data.encoded import Encoded
from verilora.data.metrics import Tally
from verilora.data.packing import Layout, Rows, alone, lay_out, pack, width_of_rows
from verilora.records.recipe import TrainingSection
from verilora.train.build import Build
from verilora.train.cross_entropy import (
    Graded,
    chunk_of,
    graded_each,
    summed_cross_entropy,
)
from verilora.train.forward import width_of
from verilora.train.recall import answering


@dataclass(frozen=True)
class Told:
    """What the base says of the targets of a batch, and what to ask the head."""

    layout: Layout
    hidden: Tensor
    """[targets, width]: the base's output at the place before each target."""
    targets: Tensor
    head: Callable[[Tensor], Tensor]
    chunk: int


def rows_of(encoded: Encoded, indices: Sequence[int], *, training: TrainingSection) -> Rows:
    """The texts of a forward pass as rows: one to each, or packed where the recipe says so.

    A packed row is as wide as the longest text: wider ones would compute no fewer tokens, and more
    attention.
    """
    if training.packing:
        return pack(encoded, indices, capacity=max(len(encoded.ids[index]) for index in indices))
    return alone(indices)


def summed_loss(build: Build, indices: Sequence[int]) -> Tensor:
    """The sum over the targets of these training texts, smoothed as the recipe says; a scalar."""
    training = build.recipe.training
    rows = rows_of(build.train, indices, training=training)
    with said_by_base(build, build.train, rows=rows) as told:
        return summed_cross_entropy(
            told.head,
            told.hidden,
            targets=told.targets,
            chunk=told.chunk,
            label_smoothing=training.label_smoothing,
        )


def shape_of_pass(
    encoded: Encoded, indices: Sequence[int], *, training: TrainingSection
) -> tuple[int, int]:
    """Rows of a training pass over these examples, and tokens that each is padded to."""
    rows = rows_of(encoded, indices, training=training)
    return len(rows), width_of(width_of_rows(encoded, rows), training)


def graded_texts(
    build: Build, encoded: Encoded, *, indices: Sequence[int]
) -> tuple[Graded, list[int]]:
    """Every target of these texts, one text to a row, and of which text each is; no gradient."""
    with torch.no_grad(), said_by_base(build, encoded, rows=alone(indices)) as told:
        graded = graded_each(told.head, told.hidden, targets=told.targets, chunk=told.chunk)
        return graded, told.layout.owners


def tallies_of(build: Build, encoded: Encoded, *, indices: Sequence[int]) -> list[Tally]:
    """What the model makes of each of these texts, in their order."""
    graded, owned = graded_texts(build, encoded, indices=indices)
    owners = torch.tensor(owned)
    losses, correct = graded.losses.double().cpu(), graded.correct.cpu()
    found = []
    for index in indices:
        own = owners == index
        found.append(Tally(int(own.sum()), -losses[own].sum().item(), int(correct[own].sum())))
    return found


@contextlib.contextmanager
def said_by_base(build: Build, encoded: Encoded, *, rows: Rows) -> Iterator[Told]:
    """Runs the base on the rows, under autocast where the recipe wants bfloat16, as inside."""
    training, device = build.recipe.training, build.device
    width = width_of(width_of_rows(encoded, rows), training)
    layout = lay_out(encoded, rows, width=width)
    inputs = {name: value.to(device, non_blocking=True) for name, value in layout.inputs.items()}
    model: Any = build.model
    low = training.precision == "bfloat16"
    with torch.autocast(device.type, torch.bfloat16, enabled=low):
        base = getattr(model, model.base_model_prefix)
        output = base(**inputs, use_cache=False)
        places = torch.tensor(layout.places, device=device)
        yield Told(
            layout,
            hidden=output.last_hidden_state.flatten(0, 1).index_select(0, places),
            targets=torch.tensor(layout.targets, device=device),
            head=lambda hidden: head_logits(model, hidden, kind=type(output)),
            chunk=chunk_of(vocabulary_of(model), device),
        )


def head_logits(model: Any, hidden: Tensor, *, kind: type[Any]) -> Tensor:
    """Logits [places, vocabulary] of the model's own head for hidden states [places, width].

    `kind` is the class of the base's output.
    """
    ids = torch.zeros((1, len(hidden)), dtype=torch.int64, device=hidden.device)
    with answering(model, kind(last_hidden_state=hidden[None])):
        return model(input_ids=ids, use_cache=False).logits[0]


def vocabulary_of(model: Any) -> int:
    """How many tokens the head tells apart."""
    return model.config.get_text_config().vocab_size
