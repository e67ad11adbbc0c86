from __future__ import annotations

import pytest

from verilora.data.written import Written, measure_written
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
