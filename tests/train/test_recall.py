from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from verilora.records.recipe import Recipe
from verilora.train.build import build
from verilora.train.recall import Kept, Recall, answering, first_position, listening


def test_a_set_is_known_by_itself_not_by_its_contents(make_recipe: Callable[..., Recipe]) -> None:
    made = build(make_recipe())
    kept = Kept(made.train, dict, {"a": torch.arange(6).view(3, 2)})
    recall = Recall([kept])
    assert recall.of(made.train) is kept
    assert recall.of(made.validation) is None
    assert kept.about([2, 0])["a"].tolist() == [[4, 5], [0, 1]]


def test_the_base_answers_what_it_is_told_to_and_then_for_itself(
    make_recipe: Callable[..., Recipe],
) -> None:
    model = build(make_recipe(method="head")).model.eval()
    ids = torch.tensor([[2, 5, 6, 3]])
    with torch.no_grad():
        with listening(model) as heard:
            logits = model(input_ids=ids).logits
        (output,) = heard
        with answering(model, output):
            assert torch.equal(model(input_ids=torch.tensor([[2, 9, 9, 3]])).logits, logits)
        assert not torch.equal(model(input_ids=torch.tensor([[2, 9, 9, 3]])).logits, logits)
        with pytest.raises(ZeroDivisionError), answering(model, output):
            raise ZeroDivisionError
    assert "forward" not in vars(model.bert)
    assert model.bert._forward_hooks == {}


def test_of_a_sequence_the_first_position_is_kept() -> None:
    output = {"a": torch.ones(2, 5, 3), "b": torch.ones(2, 3), "c": None}
    assert {name: tuple(v.shape) for name, v in first_position(output).items()} == {
        "a": (2, 1, 3),
        "b": (2, 3),
    }
