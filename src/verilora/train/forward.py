"""One forward pass: some examples in, their logits out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from verilora.data.batches import collate
from verilora.data.encode import Encoded
from verilora.train.build import Build


@dataclass(frozen=True)
class Pass:
    """Logits [batch, classes] and labels [batch] on the model's device."""

    logits: Tensor
    labels: Tensor
    padded_tokens: int


def forward(build: Build, encoded: Encoded, *, indices: Sequence[int]) -> Pass:
    """Runs the model on examples of `encoded`, under autocast where the recipe wants bfloat16."""
    batch = collate(encoded, indices, pad_id=build.tokenizer.pad_token_id)
    placed = {name: value.to(build.device, non_blocking=True) for name, value in batch.items()}
    labels = placed.pop("labels")
    return Pass(infer(build, placed), labels, batch["input_ids"].numel())


def infer(build: Build, inputs: dict[str, Tensor]) -> Tensor:
    """Logits for a batch without labels, in the recipe's precision."""
    low = build.recipe.training.precision == "bfloat16"
    with torch.autocast(build.device.type, torch.bfloat16, enabled=low):
        return build.model(**inputs).logits
