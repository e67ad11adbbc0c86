from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from verilora.errors import ModelError
from verilora.records.recipe import Recipe
from verilora.train.build import build
from verilora.train.loading import empty_model, head_paths, load_model, model_class, seeded
from verilora.train.material import gather

Make = Callable[..., Recipe]
CPU = torch.device("cpu")


def test_a_classifier_has_a_new_head_and_a_causal_model_its_own(
    make_recipe: Make, make_causal: Make
) -> None:
    for recipe, head in ((make_recipe(), ("classifier",)), (make_causal(), ())):
        material = gather(recipe)
        model, found = load_model(material, CPU)
        assert found == head
        empty, shapes = empty_model(material, CPU)
        assert shapes == head
        assert type(empty) is type(model)
        assert (
            type(model).__name__
            == model_class(material.dataset.task)._model_mapping[type(model.config)].__name__
        )
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight


def test_a_new_part_inside_the_base_belongs_to_the_head(make_recipe: Make) -> None:
    model, _ = load_model(gather(make_recipe()), CPU)
    assert head_paths(model, ["bert.pooler.dense.weight"]) == ("classifier", "bert.pooler.dense")


def test_the_seed_changes_no_random_state() -> None:
    before = torch.random.get_rng_state()
    with seeded(3):
        drawn = torch.rand(2)
    with seeded(3):
        assert torch.equal(torch.rand(2), drawn)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_what_is_no_causal_model_is_told(make_causal: Make, tmp_path: Any) -> None:
    recipe = make_causal()
    build(recipe).tokenizer.save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "clip"}')
    with pytest.raises(ModelError, match="cannot be loaded as a causal language model"):
        build(recipe.replace(model={"id": str(tmp_path)}))


def test_a_head_that_is_not_there_is_refused(make_causal: Make, tmp_path: Any) -> None:
    recipe = make_causal()
    base: Any = AutoModelForCausalLM.from_pretrained(recipe.model.id)
    base.config.tie_word_embeddings = False
    base.model.save_pretrained(tmp_path)
    build(recipe).tokenizer.save_pretrained(tmp_path)
    headless = recipe.replace(model={"id": str(tmp_path)})
    with pytest.raises(ModelError, match=r"lm_head.weight is not in them, and random values"):
        build(headless)
