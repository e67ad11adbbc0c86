from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from verilora.errors import TrainingError
from verilora.train.rehearsal import rehearse
from verilora.train.session import Session


def test_a_rehearsal_leaves_no_trace(opened: Callable[..., Session]) -> None:
    session = opened(adapter={"dropout": 0.1})
    weights = {name: p.detach().clone() for name, p in session.trained.items()}
    outer, own = torch.get_rng_state(), session.stream.state()["cpu"]
    rehearse(session, range(8))
    assert all(torch.equal(p, weights[name]) for name, p in session.trained.items())
    assert all(p.grad is None for p in session.trained.values())
    assert torch.equal(torch.get_rng_state(), outer)
    assert torch.equal(session.stream.state()["cpu"], own)
    assert session.step == 0


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("none left"),
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_does_not_fit_says_what_to_change(
    opened: Callable[..., Session], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr("verilora.train.rehearsal.backward_of", fail)
    with pytest.raises(TrainingError, match=r"largest batch \(8 x ") as caught:
        rehearse(opened(), range(8))
    assert "training.micro_batch_size (now 8)" in str(caught.value)


def test_other_errors_pass_as_they_are(
    opened: Callable[..., Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr("verilora.train.rehearsal.backward_of", fail)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        rehearse(opened(), range(8))
