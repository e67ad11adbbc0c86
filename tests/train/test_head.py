from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from torch import nn
from transformers import (
    AlbertConfig,
    AlbertModel,
    DebertaV2Config,
    DebertaV2Model,
    DistilBertConfig,
    DistilBertModel,
    GPT2Config,
    GPT2Model,
    PreTrainedModel,
    RobertaConfig,
    RobertaModel,
)

from verilora.errors import RecipeError
from verilora.records.recipe import Recipe
from verilora.train.build import build
from verilora.train.head import verify_head_dropout
from verilora.train.plan import plan

Make = Callable[..., Recipe]
ENCODER = {
    "vocab_size": 24,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 40,
}


def roberta() -> PreTrainedModel:
    return RobertaModel(RobertaConfig(**ENCODER, pad_token_id=0))


def deberta() -> PreTrainedModel:
    return DebertaV2Model(DebertaV2Config(**ENCODER, pooler_hidden_size=16))


def distilbert() -> PreTrainedModel:
    sizes = {"dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 32}
    return DistilBertModel(DistilBertConfig(vocab_size=24, max_position_embeddings=40, **sizes))


def albert() -> PreTrainedModel:
    return AlbertModel(AlbertConfig(**ENCODER, embedding_size=8))


BASES = {
    "roberta": (roberta, "classifier.dropout", ["query"]),
    "deberta": (deberta, "dropout", ["query_proj"]),
    "distilbert": (distilbert, "dropout", ["q_lin"]),
    "albert": (albert, "dropout", ["query"]),
}


@pytest.mark.parametrize("name", BASES)
def test_the_head_gets_the_dropout_whatever_the_base_calls_it(
    make_recipe: Make, tmp_path: Path, save_words: Callable[[Path], None], name: str
) -> None:
    made, path, targets = BASES[name]
    made().save_pretrained(tmp_path)
    save_words(tmp_path)
    adapter = {"target_modules": targets}
    for share in (0.0, 0.45):
        recipe = make_recipe(adapter=adapter, head_dropout=share)
        model = build(recipe.replace(model={"id": str(tmp_path)})).model
        module = model.get_submodule(path)
        assert isinstance(module, nn.Dropout)
        assert module.p == share
    verify_head_dropout(model, recipe)


def test_without_it_the_base_decides(make_recipe: Make) -> None:
    model = build(make_recipe()).model
    assert model.get_submodule("dropout").p == model.config.hidden_dropout_prob == 0.1


def test_a_base_that_knows_no_such_dropout_is_refused(
    make_recipe: Make, tmp_path: Path, save_words: Callable[[Path], None]
) -> None:
    sizes = {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 40}
    config = GPT2Config(vocab_size=24, bos_token_id=2, eos_token_id=3, **sizes)
    GPT2Model(config).save_pretrained(tmp_path)
    save_words(tmp_path)
    recipe = make_recipe(adapter={"target_modules": ["c_attn"]}, head_dropout=0.3)
    for make in (build, plan):
        with pytest.raises(RecipeError, match=r"head_dropout is 0\.3.* is a gpt2, whose"):
            make(recipe.replace(model={"id": str(tmp_path)}))


def test_a_dropout_that_nothing_reads_is_refused(make_recipe: Make) -> None:
    model = build(make_recipe(head_dropout=0.3)).model
    model.get_submodule("dropout").p = 0.2
    with pytest.raises(RecipeError, match="whose head has no dropout"):
        verify_head_dropout(model, make_recipe(head_dropout=0.3))
