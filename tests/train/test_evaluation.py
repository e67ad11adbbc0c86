from __future__ import annotations

from collections.abc import Generator
from typing import Any

from torch import nn

from verilora.records.events import Evaluating
from verilora.train.evaluation import evaluation_mode, heard


def test_the_mode_comes_back_module_by_module() -> None:
    model = nn.Sequential(nn.Dropout(0.5), nn.Linear(2, 2))
    model[0].eval()
    with evaluation_mode(model):
        assert not any(part.training for part in model.modules())
    assert [part.training for part in model.modules()] == [True, False, True]


def test_stages_are_heard_one_by_one() -> None:
    def stages() -> Generator[Evaluating, None, str]:
        yield Evaluating(1, 2)
        yield Evaluating(2, 2)
        return "done"

    told: list[Any] = []
    assert heard(stages(), told.append) == "done"
    assert told == [Evaluating(1, 2), Evaluating(2, 2)]
    assert heard(stages(), None) == "done"
