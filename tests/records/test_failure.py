"""A failure names its seed and why; it comes out of its file as it went in."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from verilora.records.failure import Failure


def test_a_failure_survives_its_file() -> None:
    failure = Failure(seed=3, why="the loss is not finite", preregistration="sha256:" + "0" * 64)
    assert Failure.model_validate_json(failure.canonical()) == failure


@pytest.mark.parametrize("wrong", [{"seed": -1}, {"preregistration": "md5:0"}, {"cause": "x"}])
def test_what_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Failure.model_validate({"seed": 0, "why": "x", **wrong})
