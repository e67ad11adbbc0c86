from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from verilora.data.metrics import Tally, measure, measure_language
from verilora.records.recipe import Recipe
from verilora.train.build import build
from verilora.train.evaluate import complete, evaluate
from verilora.train.predictions import prediction_lines

Make = Callable[..., Recipe]


def test_metrics_follow_from_the_lines_without_the_model(
    make_recipe: Make, make_causal: Make
) -> None:
    made = build(make_recipe())
    found = evaluate(made)
    rows = [json.loads(line) for line in prediction_lines(made, found).splitlines()]
    assert list(rows[0]) == ["id", "label", "prediction", "scores"]
    number = {"bad": 0, "good": 1}
    given, labels = ([number[row[key]] for row in rows] for key in ("prediction", "label"))
    assert measure(made.task.metrics, given, labels=labels) == found.metrics

    made = build(make_causal())
    found = evaluate(made)
    rows = [json.loads(line) for line in prediction_lines(made, found).splitlines()]
    assert [row.pop("id") for row in rows] == [one.id for one in made.dataset.validation]
    assert measure_language(made.task.metrics, [Tally(**row) for row in rows]) == found.metrics


def test_what_was_written_stands_in_the_line(make_causal: Make) -> None:
    made = build(make_causal(generation={"max_new_tokens": 2, "limit": 1}))
    found = complete(made, evaluate(made))
    first, second, *_ = (json.loads(line) for line in prediction_lines(made, found).splitlines())
    assert list(first) == ["id", "tokens", "log_likelihood", "correct", "generated"]
    assert first["generated"] == found.texts[0].generated
    assert "generated" not in second


def test_values_are_written_as_they_are(regression: Make) -> None:
    made = build(regression())
    found = evaluate(made)
    rows = [json.loads(line) for line in prediction_lines(made, found).splitlines()]
    assert [row["prediction"] for row in rows] == pytest.approx(found.predictions)
    assert rows[0]["label"] == made.dataset.validation[0].label
