"""What is minimised: from logits and labels to one number, and from logits to predictions."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

REGRESSION = "regression"


def loss_of(
    logits: Tensor,
    labels: Tensor,
    *,
    kind: str,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Cross-entropy over classes, or the squared error for a regression; always in float32.

    logits [batch, classes] (or [batch, 1] for a regression), labels [batch] -> a scalar, or
    [batch] with reduction "none". Smoothing spreads its share of each label over all classes.
    """
    logits = logits.float()
    if kind == REGRESSION:
        return F.mse_loss(logits.squeeze(-1), labels.float(), reduction=reduction)
    return F.cross_entropy(logits, labels, reduction=reduction, label_smoothing=label_smoothing)


def predictions_of(logits: Tensor, kind: str) -> list[int] | list[float]:
    """Class numbers, or the values of a regression."""
    if kind == REGRESSION:
        return logits.float().squeeze(-1).tolist()
    return logits.argmax(dim=-1).tolist()
