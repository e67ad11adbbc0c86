from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import pytest

from verilora.errors import MissingExtraError
from verilora.records.events import Evaluated, Evaluating, Noted, Started, Stepped
from verilora.train.tensorboard import tensorboard


def stepped(step: int) -> Stepped:
    return Stepped(
        step=step,
        epoch=0.1,
        loss=0.5,
        learning_rate=1e-3,
        gradient_norm=2.0,
        tokens=100,
        padded_tokens=120,
        seconds=0.5,
    )


def started(step: int) -> Started:
    return Started(recipe="tiny", seed=0, steps=9, step=step, trainable=1, total=2)


def read(directory: Path) -> Any:
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    found = accumulators.EventAccumulator(str(directory))
    found.Reload()
    return found


def test_scalars_are_written_by_step(tmp_path: Path) -> None:
    with tensorboard(tmp_path) as listen:
        listen(started(0))
        listen(stepped(3))
        listen(Evaluating(1, 2))
        listen(Noted("worth saying"))
        listen(Evaluated(3, 0.1, 0.4, {"accuracy": 81.0}, best=True, seconds=1.0))
    board = read(tmp_path)
    found = {tag: board.Scalars(tag)[0] for tag in board.Tags()["scalars"]}
    assert {tag: (event.step, event.value) for tag, event in found.items()} == {
        "train/loss": (3, 0.5),
        "train/learning_rate": (3, pytest.approx(1e-3)),
        "train/gradient_norm": (3, 2.0),
        "train/tokens_per_second": (3, 200.0),
        "validation/accuracy": (3, 81.0),
        "validation/loss": (3, pytest.approx(0.4)),
    }


def test_nothing_is_written_before_the_run_begins(tmp_path: Path) -> None:
    with tensorboard(tmp_path / "board") as listen:
        listen(Noted("said too early"))
    assert not (tmp_path / "board").exists()


def test_a_run_that_goes_on_replaces_the_steps_after_its_checkpoint(tmp_path: Path) -> None:
    for begin, steps in ((0, (1, 2, 3)), (1, (2, 3, 4))):
        with tensorboard(tmp_path) as listen:
            listen(started(begin))
            for step in steps:
                listen(stepped(step))
    assert [event.step for event in read(tmp_path).Scalars("train/loss")] == [1, 2, 3, 4]


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
