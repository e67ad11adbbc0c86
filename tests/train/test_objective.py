from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from verilora.train.objective import loss_of, predictions_of


def test_classification_is_cross_entropy() -> None:
    logits, labels = torch.randn(4, 3), torch.tensor([0, 2, 1, 1])
    torch.testing.assert_close(
        loss_of(logits, labels, kind="classification"), F.cross_entropy(logits, labels)
    )
    each = loss_of(logits, labels, kind="classification", reduction="none")
    assert each.shape == (4,)


def test_regression_is_the_squared_error() -> None:
    logits, labels = torch.tensor([[1.0], [3.0]]), torch.tensor([0.0, 1.0])
    assert loss_of(logits, labels, kind="regression").item() == pytest.approx(2.5)
    each = loss_of(logits, labels, kind="regression", reduction="none")
    assert each.tolist() == [1.0, 4.0]


def test_the_loss_is_computed_in_float32() -> None:
    logits = torch.tensor([[10.0, 10.01]], dtype=torch.bfloat16)
    assert loss_of(logits, torch.tensor([0]), kind="classification").dtype == torch.float32


def test_predictions_are_class_numbers_or_values() -> None:
    logits = torch.tensor([[0.0, 1.0], [2.0, 1.0]])
    assert predictions_of(logits, "classification") == [1, 0]
    assert predictions_of(torch.tensor([[0.5], [-2.0]]), "regression") == [0.5, -2.0]
