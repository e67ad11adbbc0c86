"""Which examples go together, in which order, and how they become tensors.

Little is padded: neighbours in length share a batch. The order depends on seed and epoch alone, and
neither draws from nor changes any random state.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from verilora.data.encode import Encoded

WINDOW = 64
"""Batches whose examples are sorted together: more means less padding and less chance."""


def epoch_batches(
    lengths: Sequence[int], *, batch_size: int, seed: int, epoch: int, window: int = WINDOW
) -> list[list[int]]:
    """The batches of one epoch, as indices: every example once, all full but perhaps the last.

    The examples are shuffled, sorted by length (tokens) within windows of `window` batches, cut
    into batches, and the batches shuffled. What is left over for the last, short batch is a random
    choice too, and so not always of the longest.
    """
    order = _shuffled(range(len(lengths)), f"examples/{seed}/{epoch}")
    full = len(order) - len(order) % batch_size
    batches: list[list[int]] = []
    for start in range(0, full, batch_size * window):
        inside = order[start : min(start + batch_size * window, full)]
        inside.sort(key=lambda index: lengths[index])
        batches += _cut(inside, batch_size)
    shuffled = [batches[i] for i in _shuffled(range(len(batches)), f"batches/{seed}/{epoch}")]
    return shuffled + _cut(order[full:], batch_size)


def evaluation_batches(
    lengths: Sequence[int], batch_size: int, *, tokens: int | None = None
) -> list[list[int]]:
    """Every example once, the longest first: what does not fit into memory fails at once.

    With `tokens` a batch holds no more than that, padding included, but always one example.
    """
    order = sorted(range(len(lengths)), key=lambda index: (-lengths[index], index))
    if tokens is None:
        return _cut(order, batch_size)
    batches: list[list[int]] = []
    while order:
        size = max(1, min(batch_size, tokens // lengths[order[0]]))
        batches.append(order[:size])
        order = order[size:]
    return batches


def padding_factor(lengths: Sequence[int], batches: Iterable[Sequence[int]]) -> float:
    """Tokens computed per real token when each batch is padded to its longest example."""
    computed = real = 0
    for batch in batches:
        computed += len(batch) * max(lengths[index] for index in batch)
        real += sum(lengths[index] for index in batch)
    return computed / real


def collate(encoded: Encoded, indices: Sequence[int], *, pad_id: int) -> dict[str, Tensor]:
    """The examples `indices` as tensors [batch, longest], padded on the right.

    input_ids, attention_mask and, where the tokenizer makes them, token_type_ids (int64); labels
    [batch], int64 for classes and float32 for values.
    """
    rows = [encoded.ids[index] for index in indices]
    batch = {
        "input_ids": _padded(rows, pad_id),
        "attention_mask": _padded([[1] * len(row) for row in rows], 0),
    }
    if encoded.type_ids is not None:
        batch["token_type_ids"] = _padded([encoded.type_ids[index] for index in indices], 0)
    labels = [encoded.labels[index] for index in indices]
    kind = torch.float32 if any(isinstance(label, float) for label in labels) else torch.int64
    batch["labels"] = torch.tensor(labels, dtype=kind)
    return batch


def _padded(rows: Sequence[Sequence[int]], fill: int) -> Tensor:
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[fill] * (longest - len(row))] for row in rows])


def _shuffled(items: Iterable[int], key: str) -> list[int]:
    # Sorted by a digest: the same order with every version of Python and torch, on any machine.
    salt = hashlib.sha256(key.encode()).digest()

    def place(item: int) -> bytes:
        return hashlib.blake2b(item.to_bytes(8), key=salt, digest_size=8).digest()

    return sorted(items, key=place)


def _cut(items: Sequence[int], size: int) -> list[list[int]]:
    return [list(items[start : start + size]) for start in range(0, len(items), size)]
