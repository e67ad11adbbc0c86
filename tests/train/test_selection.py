from __future__ import annotations

from verilora.records.recipe import TrainingSection
from verilora.train.selection import Choice


def test_the_earliest_of_equals_is_the_best() -> None:
    choice = Choice()
    assert [choice.consider(step, value) for step, value in enumerate([1.0, 3.0, 3.0, 2.0])] == [
        True,
        True,
        False,
        False,
    ]
    assert (choice.step, choice.value, choice.waited, choice.evaluations) == (1, 3.0, 2, 4)


def test_a_value_below_zero_is_better_than_none() -> None:
    assert Choice().consider(1, -5.0)


def test_early_stopping_counts_evaluations_without_a_better_one() -> None:
    choice, patient = Choice(), TrainingSection(early_stopping=2)
    states = []
    for step, value in enumerate([5.0, 4.0, 6.0, 6.0, 1.0]):
        choice.consider(step, value)
        states.append(choice.exhausted(patient))
    assert states == [False, False, False, False, True]
    assert not choice.exhausted(TrainingSection())


def test_of_a_perplexity_the_lowest_is_the_best() -> None:
    choice = Choice()
    values = enumerate([9.0, 7.0, 7.0, 8.0])
    found = [choice.consider(step, value, lower_is_better=True) for step, value in values]
    assert found == [True, True, False, False]
    assert (choice.step, choice.value, choice.waited) == (1, 7.0, 2)
