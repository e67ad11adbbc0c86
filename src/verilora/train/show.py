"""The first batch of a run as the model will see it: each token, and whether it is learnt.

Nothing is trained and no weight is read: tokenizer and data are enough.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from verilora.data.encoded import IGNORED
from verilora.records.recipe import Recipe
from verilora.train.language import rows_of
from verilora.train.material import Material, gather
from verilora.train.step import micro_batches
from verilora.train.timetable import Timetable


@dataclass(frozen=True)
class ShownToken:
    """One token of a text."""

    id: int
    text: str
    """What it stands for, as the tokenizer writes it alone."""
    target: bool
    """True where it is learnt; of a classifier no token is."""


@dataclass(frozen=True)
class ShownText:
    """One example of the batch, or a piece of one."""

    id: str
    part: int
    """Which forward pass of the step it is in, from 1."""
    row: int
    """Which row of that pass, from 1; packed texts share one."""
    label: str | int | float | None
    """A classifier's class or value."""
    tokens: tuple[ShownToken, ...]


@dataclass(frozen=True)
class ShownBatch:
    """The examples of the first optimiser step."""

    recipe: str
    kind: str
    texts: tuple[ShownText, ...]

    def to_mapping(self) -> dict[str, Any]:
        """Plain JSON data."""
        return asdict(self)


def first_batch(recipe: Recipe) -> ShownBatch:
    """The texts of the run's first step, in the rows in which they go through the model.

    Raises what `gather` raises.
    """
    material = gather(recipe, weights=False)
    encoded, training = material.train, recipe.training
    indices = Timetable(encoded.lengths, training).batch(0)
    parts = micro_batches(encoded, indices, training=training)
    texts = [
        _shown(material, index, part=part, row=row)
        for part, within in enumerate(parts, 1)
        for row, together in enumerate(rows_of(encoded, within, training=training), 1)
        for index in together
    ]
    return ShownBatch(recipe.name, material.dataset.task.kind, tuple(texts))


def _shown(material: Material, index: int, *, part: int, row: int) -> ShownText:
    encoded, labels = material.train, material.dataset.task.labels
    ids = encoded.ids[index]
    targets = encoded.targets[index] if encoded.targets is not None else [IGNORED] * len(ids)
    label = encoded.labels[index] if encoded.labels else None
    return ShownText(
        id=encoded.example_ids[index],
        part=part,
        row=row,
        label=labels[int(label)] if labels and label is not None else label,
        tokens=tuple(
            ShownToken(one, _told(material.tokenizer, one), target != IGNORED)
            for one, target in zip(ids, targets, strict=True)
        ),
    )


def _told(tokenizer: Any, token: int) -> str:
    """The token's own text with its spaces, which decoding it alone may take away."""
    piece = tokenizer.convert_ids_to_tokens(token)
    text = tokenizer.decode([token], clean_up_tokenization_spaces=False)
    leads = isinstance(piece, str) and piece[:1] in ("▁", "Ġ") and not text.startswith(" ")
    return f" {text}" if leads else text
