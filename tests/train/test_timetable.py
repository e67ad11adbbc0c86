from __future__ import annotations

from typing import Any

from verilora.records.recipe import TrainingSection
from verilora.train.timetable import Timetable

LENGTHS = [3 + number % 5 for number in range(21)]


def timetable(**training: Any) -> Timetable:
    return Timetable(LENGTHS, TrainingSection(batch_size=4, **training))


def due(table: Timetable, question: str) -> list[int]:
    return [step for step in range(1, table.steps + 1) if getattr(table, question)(step)]


def test_an_epoch_sees_every_example_once() -> None:
    table = timetable(epochs=3)
    assert (table.steps_per_epoch, table.steps) == (6, 18)
    for epoch in range(3):
        seen = [i for step in range(6) for i in table.batch(epoch * 6 + step)]
        assert sorted(seen) == list(range(21))


def test_epochs_differ_in_order_and_come_again_the_same() -> None:
    table = timetable(epochs=2)
    first, second = table.batches(0), table.batches(1)
    assert first != second
    assert table.batches(0) == first == timetable(epochs=9).batches(0)
    assert timetable(seed=1).batches(0) != first


def test_a_part_of_an_epoch_and_a_limit_of_steps() -> None:
    assert timetable(epochs=0.5).steps == 3
    assert timetable(epochs=1.01).steps == 7
    assert timetable(epochs=3, max_steps=5).steps == 5
    assert timetable(epochs=1, max_steps=50).steps == 6
    assert timetable().epoch_after(9) == 1.5


def test_evaluations_are_due_each_epoch_or_each_n_steps_and_at_the_end() -> None:
    assert due(timetable(epochs=2.5), "evaluation_due") == [6, 12, 15]
    assert due(timetable(epochs=2, evaluate_every=5), "evaluation_due") == [5, 10, 12]


def test_checkpoints_are_due_each_epoch_each_n_steps_or_never() -> None:
    assert due(timetable(epochs=2), "checkpoint_due") == [6, 12]
    assert due(timetable(epochs=2, checkpoint_every=5), "checkpoint_due") == [5, 10]
    assert due(timetable(epochs=2, checkpoint_every=None), "checkpoint_due") == []


def test_packed_texts_need_no_neighbours_of_like_length() -> None:
    def spread(batches: list[list[int]]) -> int:
        return sum(len({LENGTHS[index] for index in batch}) for batch in batches)

    plain, packed = timetable(), timetable(packing=True)
    assert spread(packed.batches(0)) > spread(plain.batches(0))
    assert sorted(index for batch in packed.batches(0) for index in batch) == list(range(21))
