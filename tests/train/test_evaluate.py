from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from verilora.data.metrics import measure
from verilora.errors import TrainingError
from verilora.records.events import Evaluating
from verilora.records.recipe import Recipe
from verilora.train import evaluate as module
from verilora.train.build import build
from verilora.train.evaluate import evaluate, evaluating


def test_answers_are_those_of_one_example_at_a_time_in_the_datas_order(
    make_recipe: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH_SIZE", 5)
    made = build(make_recipe())
    found = evaluate(made)
    made.model.eval()
    with torch.no_grad():
        rows = [made.model(input_ids=torch.tensor([ids])).logits[0] for ids in made.validation.ids]
    wanted = torch.stack(rows)
    torch.testing.assert_close(torch.tensor(found.scores), wanted)
    assert found.predictions == wanted.argmax(-1).tolist()
    loss = torch.nn.functional.cross_entropy(wanted, torch.tensor(made.validation.labels))
    assert found.loss == pytest.approx(loss.item(), rel=1e-5)
    names = made.task.metrics
    assert found.metrics == measure(names, found.predictions, labels=made.validation.labels)


def test_a_regression_predicts_values(regression: Callable[..., Recipe]) -> None:
    made = build(regression())
    found = evaluate(made)
    assert all(isinstance(value, float) for value in found.predictions)
    assert set(found.metrics) == {"pearson", "spearman"}
    errors = [(p - t) ** 2 for p, t in zip(found.predictions, made.validation.labels, strict=True)]
    assert found.loss == pytest.approx(sum(errors) / len(errors), rel=1e-5)


def test_other_examples_can_be_evaluated(make_recipe: Callable[..., Recipe]) -> None:
    made = build(make_recipe())
    assert len(evaluate(made, made.train).predictions) == 60


def test_each_batch_is_an_event_and_the_mode_comes_back(
    make_recipe: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH_SIZE", 10)
    made = build(make_recipe())
    made.model.train()
    made.model.bert.eval()
    heard: list[object] = []
    evaluate(made, listen=heard.append)
    assert heard == [Evaluating(1, 3), Evaluating(2, 3), Evaluating(3, 3)]
    assert made.model.classifier.training
    assert not made.model.bert.encoder.training


def test_the_mode_comes_back_when_nobody_listens_to_the_end(
    make_recipe: Callable[..., Recipe],
) -> None:
    made = build(make_recipe())
    made.model.train()
    stages = evaluating(made)
    next(stages)
    assert not made.model.classifier.training
    stages.close()
    assert made.model.classifier.training


def test_nothing_is_drawn_and_no_gradient_is_kept(make_recipe: Callable[..., Recipe]) -> None:
    made = build(make_recipe())
    made.model.train()
    before = torch.get_rng_state()
    assert evaluate(made).scores == evaluate(made).scores
    assert torch.equal(torch.get_rng_state(), before)
    assert all(p.grad is None for p in made.model.parameters())


def test_scores_that_are_not_finite_are_a_training_error(
    make_recipe: Callable[..., Recipe],
) -> None:
    made = build(make_recipe())
    made.model.classifier.bias.data.fill_(float("inf"))
    with pytest.raises(TrainingError, match=r"scores of 24 of 24 .*validation"):
        evaluate(made)
