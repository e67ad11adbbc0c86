"""A tiny causal model and what it is trained on, in other people's trainers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

SAID = ("the", "a", "cat", "dog", "sun", "sea", "is", "was", "warm", "cold", "old", "new")
WORDS = ["<pad>", "<unk>", "</s>", *SAID]
SIZES: dict[str, Any] = {"vocab_size": len(WORDS), "pad_token_id": 0, "eos_token_id": 2}
WIDE = {"initializer_range": 0.3}


@pytest.fixture
def llama() -> LlamaForCausalLM:
    """Two layers of width 16."""
    sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 32}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return LlamaForCausalLM(LlamaConfig(**sizes, **heads, **SIZES, **WIDE, bos_token_id=2))


@pytest.fixture
def gpt2() -> GPT2LMHeadModel:
    """As wide; its layers are Conv1D, its output layer is tied to the embedding."""
    sizes = {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 32}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return GPT2LMHeadModel(GPT2Config(**sizes, **SIZES, **WIDE, bos_token_id=2))


@pytest.fixture
def tokenizer() -> PreTrainedTokenizerFast:
    """A word is a token."""
    numbers = {word: number for number, word in enumerate(WORDS)}
    inner = Tokenizer(models.WordLevel(numbers, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    marks = {"pad_token": "<pad>", "unk_token": "<unk>", "eos_token": "</s>"}
    return PreTrainedTokenizerFast(tokenizer_object=inner, **marks)


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    """Encoded rows of one sentence and its turned form, for a plain Trainer."""
    ids = [[3, 5, 9, 11], [4, 6, 10, 12]] * 8
    return [{"input_ids": row, "labels": row} for row in ids]


@pytest.fixture
def arguments(tmp_path: Path) -> Callable[..., Any]:
    """TrainingArguments that write into a temporary directory, on the CPU and without noise."""
    from transformers import TrainingArguments

    def make(**fields: Any) -> TrainingArguments:
        quiet = {"report_to": [], "disable_tqdm": True, "use_cpu": True, "logging_steps": 1}
        sizes = {"per_device_train_batch_size": 4, "learning_rate": 0.02, "max_steps": 8}
        return TrainingArguments(str(tmp_path / "out"), **{**quiet, **sizes, **fields})

    return make
