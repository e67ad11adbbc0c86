from __future__ import annotations

import math

import pytest

from verilora.data.metrics import Tally, loss_of_tallies, majority, measure, measure_language
from verilora.data.tasks import GLUE, Task
from verilora.errors import RecipeError, TrainingError

# Worked by hand: 3 true positives, 1 false positive, 2 false negatives, 4 true negatives.
LABELS = [1, 1, 1, 0, 1, 1, 0, 0, 0, 0]
PREDICTIONS = [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]


def test_classification_by_hand() -> None:
    names = ("accuracy", "f1", "macro_f1", "matthews")
    found = measure(names, PREDICTIONS, labels=LABELS)
    positive, negative = 2 * 3 / (2 * 3 + 1 + 2), 2 * 4 / (2 * 4 + 1 + 2)
    matthews = (3 * 4 - 1 * 2) / math.sqrt(4 * 5 * 5 * 6)
    assert list(found) == list(names)
    assert found == pytest.approx(
        {
            "accuracy": 70.0,
            "f1": 100 * positive,
            "macro_f1": 50 * (positive + negative),
            "matthews": 100 * matthews,
        }
    )


def test_correlations_by_hand() -> None:
    found = measure(("pearson", "spearman"), [1.0, 2.0, 10.0], labels=[0.0, 1.0, 2.0])
    assert found["spearman"] == pytest.approx(100.0)
    assert found["pearson"] == pytest.approx(100 * 9 / math.sqrt(2 * (146 / 3)))


def test_perfect_and_opposite() -> None:
    labels = [0.0, 1.0, 3.0]
    assert measure(["pearson"], labels, labels=labels) == {"pearson": pytest.approx(100.0)}
    opposite = [-value for value in labels]
    assert measure(["spearman"], opposite, labels=labels) == {"spearman": pytest.approx(-100.0)}


@pytest.mark.parametrize("name", ["f1", "matthews", "pearson", "spearman"])
def test_a_constant_answer_is_worth_nothing_and_warns_of_nothing(name: str) -> None:
    assert measure([name], [0, 0, 0], labels=[0, 1, 1]) == {name: 0.0}


@pytest.mark.parametrize("name", ["matthews", "pearson", "spearman"])
def test_neither_do_constant_labels(name: str) -> None:
    assert measure([name], [0, 1, 1], labels=[1, 1, 1]) == {name: 0.0}
    assert measure([name], [1], labels=[1]) == {name: 0.0}


def test_a_nearly_constant_answer_warns_of_nothing() -> None:
    found = measure(["pearson"], [1.0, 1.0 + 1e-15, 1.0], labels=[0.0, 1.0, 0.0])
    assert -100 <= found["pearson"] <= 100


def test_an_unknown_metric_gets_the_nearest() -> None:
    with pytest.raises(RecipeError, match="no metric 'acuracy'; did you mean 'accuracy'"):
        measure(["acuracy"], [1], labels=[1])


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_predictions_that_are_not_finite_are_told(bad: float) -> None:
    with pytest.raises(TrainingError, match="1 of 2 predictions are not finite") as caught:
        measure(["pearson"], [0.0, bad], labels=[0.0, 1.0])
    assert caught.value.facts["count"] == 1


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="2 predictions for 1 labels"):
        measure(["accuracy"], [1, 1], labels=[1])
    with pytest.raises(ValueError, match="0 predictions for 0 labels"):
        measure(["accuracy"], [], labels=[])


def test_majority_answers_with_the_commonest_training_label() -> None:
    found = majority(GLUE["mrpc"], [1, 1, 0], validation_labels=[1, 0, 0, 0])
    assert found == {"accuracy": 25.0, "f1": pytest.approx(40.0)}


def test_majority_takes_the_lowest_number_of_several() -> None:
    assert majority(GLUE["rte"], [1, 0, 1, 0], validation_labels=[0, 0, 1, 0]) == {"accuracy": 75.0}


def test_majority_of_values_is_their_mean_and_correlates_with_nothing() -> None:
    found = majority(GLUE["stsb"], [1.0, 2.0], validation_labels=[3.0, 4.0])
    assert found == {"pearson": 0.0, "spearman": 0.0}


TALLIES = [Tally(3, 3 * math.log(0.5), 1), Tally(1, math.log(0.125), 1)]


def test_perplexity_is_over_all_tokens_not_over_texts() -> None:
    # (1/2)^3 · 1/8 = 2^-6 over 4 tokens: 2^(6/4).
    found = measure_language(["perplexity", "token_accuracy"], TALLIES)
    assert found == pytest.approx({"perplexity": 2**1.5, "token_accuracy": 50.0})
    assert loss_of_tallies(TALLIES) == pytest.approx(1.5 * math.log(2))
    assert measure_language(["perplexity"], TALLIES[::-1]) == {"perplexity": found["perplexity"]}


@pytest.mark.parametrize("value", [math.nan, -math.inf, -1e6])
def test_a_likelihood_beyond_all_numbers_is_a_model_that_diverged(value: float) -> None:
    with pytest.raises(TrainingError, match="has diverged"):
        measure_language(["perplexity"], [TALLIES[0], Tally(1, value, 0)])


def test_a_causal_task_has_no_commonest_answer() -> None:
    task = Task("own", "causal-lm", ("text",), "", labels=(), metrics=("perplexity",))
    assert majority(task, [], validation_labels=[]) == {}
