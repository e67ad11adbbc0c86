"""What was done: results to the records of their numbers."""

from __future__ import annotations

from typing import Any

import pytest

from verilora.errors import DataError
from verilora.verdict.work import Result, Work, failures, measured_of, ordered, sanity_of


def test_results_are_in_the_order_of_their_seeds() -> None:
    results = [Result(2, 1.0), Result(0, 2.0)]
    assert [result.seed for result in ordered(results)] == [0, 2]
    with pytest.raises(DataError, match="seed 0 was run twice"):
        ordered([*results, Result(0, 3.0)])


def test_numbers_of_a_side(kit: Any) -> None:
    results = (Result(0, 80.0), Result(1, None, failed="nan"), Result(2, 81.0))
    made = measured_of(results, kit.plan(), work=Work(results, 408, 408))
    assert made.values == (80.0, 68.38, 81.0)
    assert (made.runs, made.seeds, made.failed, made.full_size) == (3, (0, 1, 2), (1,), 408)
    with pytest.raises(DataError, match="none of 0 runs gave a number"):
        measured_of((), kit.plan(), work=Work((), 408, 408))


def test_sanity_holds_what_was_recorded(kit: Any) -> None:
    results = (
        Result(0, 80.0, trainable=5, adapter=3, encoder=90, losses=(0.7, 0.3)),
        Result(1, None),
    )
    plain = sanity_of(results, kit.plan(), side=kit.plan(trainable=5))
    assert (plain.trainable, plain.losses_first, plain.says("adapter")) == ((5,), (0.7,), False)
    shared = sanity_of(results, kit.plan(share_below=1.0), side=kit.plan(trainable=5))
    assert (shared.adapter, shared.encoder) == ((3,), (90,))


def test_failures_are_told_with_their_side() -> None:
    results = (Result(1, None), Result(0, 60.0, failed="it\ncollapsed"), Result(2, 80.0))
    assert failures(results, whose=" of the reference") == (
        "seed 0 of the reference failed and counts all the same: it collapsed",
        "seed 1 of the reference failed and counts all the same: it gave no number",
    )
