"""One forward pass: some examples in, their logits out."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from verilora.data.batches import collate
from verilora.data.encode import Encoded
from verilora.records.recipe import TrainingSection
from verilora.train.build import Build
from verilora.train.recall import answering

ROUND = 8
"""In bfloat16 batches are padded to a multiple of so many tokens. oneDNN keeps a kernel with its
memory for every shape that it meets: with MRPC's lengths more than 1 GB, for no more speed."""


@dataclass(frozen=True)
class Pass:
    """Logits [batch, classes] and labels [batch] on the model's device."""

    logits: Tensor
    labels: Tensor


def forward(build: Build, encoded: Encoded, *, indices: Sequence[int]) -> Pass:
    """Runs the model on examples of `encoded`, under autocast where the recipe wants bfloat16."""
    batch = collate(encoded, indices, pad_id=build.tokenizer.pad_token_id)
    labels = batch.pop("labels").to(build.device, non_blocking=True)
    width = width_of(batch["input_ids"].shape[1], build.recipe.training)
    fills = {"input_ids": build.tokenizer.pad_token_id}
    placed = {
        name: _widened(value, width, fill=fills.get(name, 0)).to(build.device, non_blocking=True)
        for name, value in batch.items()
    }
    kept = build.recall.of(encoded)
    said = contextlib.nullcontext() if kept is None else answering(build.model, kept.about(indices))
    with said:
        logits = infer(build, placed)
    return Pass(logits, labels)


def width_of(longest: int, training: TrainingSection) -> int:
    """Tokens that each row of a batch is padded to, given those of its longest row."""
    if training.precision != "bfloat16":
        return longest
    return max(longest, min(-(-longest // ROUND) * ROUND, training.max_length))


def infer(build: Build, inputs: dict[str, Tensor]) -> Tensor:
    """Logits for a batch without labels, in the recipe's precision."""
    low = build.recipe.training.precision == "bfloat16"
    with torch.autocast(build.device.type, torch.bfloat16, enabled=low):
        return build.model(**inputs).logits


def _widened(rows: Tensor, width: int, *, fill: int) -> Tensor:
    extra = width - rows.shape[1]
    return F.pad(rows, (0, extra), value=fill) if extra else rows
