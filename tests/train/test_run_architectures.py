"""The whole way, on tiny bases whose heads lie and look in different places."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    DebertaV2Config,
    DebertaV2Model,
    DistilBertConfig,
    DistilBertModel,
    GPT2Config,
    GPT2Model,
    PreTrainedModel,
    RobertaConfig,
    RobertaModel,
    T5Config,
    T5Model,
)

from verilora.records.recipe import Recipe
from verilora.train.agreement import evaluate_again
from verilora.train.run import run

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


def gpt2() -> PreTrainedModel:
    sizes = {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 40}
    return GPT2Model(GPT2Config(vocab_size=24, bos_token_id=2, eos_token_id=3, **sizes))


def t5() -> PreTrainedModel:
    sizes = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2}
    marks = {"decoder_start_token_id": 0, "eos_token_id": 3}
    return T5Model(T5Config(vocab_size=24, **sizes, **marks))


BASES: dict[str, tuple[Callable[[], PreTrainedModel], list[str], set[str]]] = {
    "roberta": (roberta, ["query", "value"], {"classifier"}),
    "deberta": (deberta, ["query_proj", "value_proj"], {"pooler", "classifier"}),
    "distilbert": (distilbert, ["q_lin", "v_lin"], {"pre_classifier", "classifier"}),
    "gpt2": (gpt2, ["c_attn"], {"score"}),
    "t5": (t5, ["q", "v"], {"classification_head"}),
}


@pytest.mark.parametrize("method", ["lora", "head"])
@pytest.mark.parametrize("name", BASES)
def test_a_run_from_recipe_to_agreement(
    make_recipe: Callable[..., Recipe],
    save_words: Callable[[Path], None],
    tmp_path: Path,
    *,
    name: str,
    method: str,
) -> None:
    make, targets, head = BASES[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        make().save_pretrained(tmp_path / "base")
    save_words(tmp_path / "base")
    recipe = make_recipe(adapter={"target_modules": targets}, method=method, max_steps=10)
    notes: list[Any] = []
    done = run(
        recipe.replace(model={"id": str(tmp_path / "base")}), tmp_path / "run", listen=notes.append
    )
    told = [event.text for event in notes if event.kind == "note"]
    if method == "lora":
        assert all(any(path in text for text in told) for path in head)
    assert done.parameters.head > 0
    assert evaluate_again(tmp_path / "run").same_bytes
