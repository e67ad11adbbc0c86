from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from verilora.errors import RecipeError
from verilora.records.recipe import Recipe
from verilora.train.base_dropout import verify_base_dropout
from verilora.train.build import build

Make = Callable[..., Recipe]


def twice(made: Any) -> list[torch.Tensor]:
    """The logits of one text, asked for twice while training."""
    made.model.train()
    ids = torch.tensor([made.train.ids[0]])
    return [made.model(input_ids=ids).logits for _ in range(2)]


def test_a_gpt_2_drops_a_tenth_unless_it_is_told_otherwise(make_causal: Make) -> None:
    own, none = (build(make_causal("gpt2", **given)) for given in ({}, {"base_dropout": 0.0}))
    assert not torch.equal(*twice(own))
    assert torch.equal(*twice(none))
    shares = {one.p for one in build(make_causal("gpt2", base_dropout=0.3)).model.modules()
              if isinstance(one, nn.Dropout)}  # fmt: skip
    assert shares == {0.3}


def test_a_llama_has_it_in_its_attention(make_causal: Make) -> None:
    assert torch.equal(*twice(build(make_causal("llama"))))
    assert not torch.equal(*twice(build(make_causal("llama", base_dropout=0.5))))


def test_what_cannot_be_set_is_told(make_causal: Make, make_recipe: Make) -> None:
    made = build(make_causal("gpt2", base_dropout=0.0))
    made.model.transformer.drop.p = 0.2  # type: ignore[union-attr]
    with pytest.raises(RecipeError, match=r"keeps 0\.2 in 1 places, such as transformer\.drop"):
        verify_base_dropout(made.model, made.recipe)
    with pytest.raises(RecipeError, match="base_dropout is for the base of a causal-lm"):
        build(make_recipe(base_dropout=0.0))
