from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import pytest

from verilora.errors import MissingExtraError
from verilora.records.events import Evaluated, Evaluating, Noted, Stepped
from verilora.train.tensorboard import tensorboard


def test_scalars_are_written_by_step(tmp_path: Path) -> None:
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    with tensorboard(tmp_path) as listen:
        listen(
            Stepped(
                step=3,
                epoch=0.1,
                loss=0.5,
                learning_rate=1e-3,
                gradient_norm=2.0,
                tokens=100,
                padded_tokens=120,
                seconds=0.5,
            )
        )
        listen(Evaluating(1, 2))
        listen(Noted("worth saying"))
        listen(Evaluated(3, 0.1, 0.4, {"accuracy": 81.0}, best=True, seconds=1.0))
    read = accumulators.EventAccumulator(str(tmp_path))
    read.Reload()
    found = {tag: read.Scalars(tag)[0] for tag in read.Tags()["scalars"]}
    assert {tag: (event.step, event.value) for tag, event in found.items()} == {
        "train/loss": (3, 0.5),
        "train/learning_rate": (3, pytest.approx(1e-3)),
        "train/gradient_norm": (3, 2.0),
        "train/tokens_per_second": (3, 200.0),
        "validation/accuracy": (3, 81.0),
        "validation/loss": (3, pytest.approx(0.4)),
    }


def test_without_the_package_it_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real = builtins.__import__

    def absent(name: str, *rest: Any) -> Any:
        if name.startswith("torch.utils.tensorboard"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(MissingExtraError, match="tensorboard"), tensorboard(tmp_path):
        pass
