from __future__ import annotations

import pytest

from verilora.data.dataset import Dataset, Example
from verilora.data.tasks import find_task
from verilora.data.written import Written, commonest_scores, measure_written
from verilora.records.recipe import TaskSection
from verilora.scores.measure import score


def test_all_examples_of_a_prompt_are_its_references_in_any_order() -> None:
    rows = [
        Written("name : A", "A is a pub.", " A is a cheap pub. "),
        Written("name : B", "B is a restaurant near A.", "B is near the river."),
        Written("name : A", "There is a cheap pub called A.", " A is a cheap pub. "),
    ]
    wanted = score(
        ["bleu", "cider"],
        ["A is a cheap pub.", "B is near the river."],
        references=[
            ["A is a pub.", "There is a cheap pub called A."],
            ["B is a restaurant near A."],
        ],
    )
    assert measure_written(["bleu", "cider"], rows) == wanted
    assert measure_written(["bleu"], rows[::-1])["bleu"] == pytest.approx(wanted["bleu"])
    assert wanted["bleu"] > score(["bleu"], ["A is a cheap pub."], references=[["x"]])["bleu"]


def test_what_the_commonest_training_text_scores() -> None:
    task = find_task(TaskSection(name="e2e"))
    pairs = [
        ("name : A", "A is a pub."),
        ("name : B", "It is a pub."),
        ("name : C", "It is a pub."),
    ]
    train = tuple(Example(f"train-{n}", pair) for n, pair in enumerate(pairs))
    found = commonest_scores(["rouge_l"], Dataset(task, train, validation=train[:2]))
    wanted = score(
        ["rouge_l"], ["It is a pub."] * 2, references=[["A is a pub."], ["It is a pub."]]
    )
    assert found == wanted
    assert 50 < found["rouge_l"] < 100
