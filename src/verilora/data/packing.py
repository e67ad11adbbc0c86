"""Rows of token ids as tensors for a causal language model: one text to a row, or several.

Texts that share a row do not see each other: attention is block-diagonal, and each text's positions
begin at 0. So a packed batch computes what the same texts compute one to a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from verilora.data.encoded import IGNORED, Encoded

FILL = 0
"""The id that fills rows up. Any will do, since it is masked; this one every vocabulary has."""
Rows = list[list[int]]
"""For each row of a batch, the texts in it, by their place in an Encoded."""


@dataclass(frozen=True)
class Layout:
    """A batch [rows, width] and where its targets are."""

    inputs: dict[str, Tensor]
    """What the model is given: input_ids, attention_mask and, where packed, position_ids.

    attention_mask is 1 for a token and 0 for padding [rows, width]; where texts share a row it is
    [rows, 1, width, width], 0 where a token may look and the lowest float32 where not.
    """
    places: list[int]
    """Of each target: the place in the flattened batch whose output foretells it."""
    targets: list[int]
    owners: list[int]
    """Of each target: its text, by its place in the Encoded."""


def alone(indices: Iterable[int]) -> Rows:
    """Each text in a row of its own."""
    return [[index] for index in indices]


def pack(encoded: Encoded, indices: Sequence[int], *, capacity: int) -> Rows:
    """The texts in as few rows of at most `capacity` tokens as first-fit finds, longest first.

    Texts of one length keep their order. At most 11/9 of the best number of rows, and one more.
    Source: Johnson et al. 1974, SIAM Journal on Computing 3(4) (first-fit decreasing).
    """
    lengths = {index: len(encoded.ids[index]) for index in indices}
    rows: Rows = []
    room: list[int] = []
    for index in sorted(indices, key=lambda one: -lengths[one]):
        fitting = (number for number, free in enumerate(room) if free >= lengths[index])
        number = next(fitting, len(rows))
        if number == len(rows):
            rows.append([])
            room.append(capacity)
        rows[number].append(index)
        room[number] -= lengths[index]
    return rows


def width_of_rows(encoded: Encoded, rows: Rows) -> int:
    """Tokens of the fullest row."""
    return max(sum(len(encoded.ids[index]) for index in row) for row in rows)


def lay_out(encoded: Encoded, rows: Rows, *, width: int) -> Layout:
    """The rows as tensors, padded on the right to `width`."""
    assert encoded.targets is not None
    ids = [_joined((encoded.ids[index] for index in row), width, fill=FILL) for row in rows]
    inputs = {"input_ids": torch.tensor(ids)}
    lengths = [[len(encoded.ids[index]) for index in row] for row in rows]
    if any(len(row) > 1 for row in rows):
        inputs["attention_mask"] = _block_diagonal(lengths, width)
        counted = [_joined(map(range, row), width, fill=0) for row in lengths]
        inputs["position_ids"] = torch.tensor(counted)
    else:
        ones = [_joined(([1] * length for length in row), width, fill=0) for row in lengths]
        inputs["attention_mask"] = torch.tensor(ones)
    places, targets, owners = [], [], []
    for index, start in _starts(encoded, rows, width=width):
        for place, target in enumerate(encoded.targets[index], start):
            if target != IGNORED:
                places.append(place - 1)
                targets.append(target)
                owners.append(index)
    return Layout(inputs, places, targets, owners)


def _starts(encoded: Encoded, rows: Rows, *, width: int) -> Iterator[tuple[int, int]]:
    """Each text, and where it begins in the flattened batch."""
    for number, row in enumerate(rows):
        start = number * width
        for index in row:
            yield index, start
            start += len(encoded.ids[index])


def _block_diagonal(lengths: Sequence[Sequence[int]], width: int) -> Tensor:
    numbered = [
        _joined(([text] * length for text, length in enumerate(row)), width, fill=-1)
        for row in lengths
    ]
    texts = torch.tensor(numbered)
    same = texts[:, :, None] == texts[:, None, :]
    # Padding looks at padding before it: a row of the softmax with nothing in it would be NaN.
    seen = same & torch.ones(width, width, dtype=torch.bool).tril()
    mask = torch.zeros(seen.shape).masked_fill(~seen, torch.finfo(torch.float32).min)
    return mask[:, None]


def _joined(parts: Iterable[Iterable[int]], width: int, *, fill: int) -> list[int]:
    row = [one for part in parts for one in part]
    return [*row, *[fill] * (width - len(row))]
