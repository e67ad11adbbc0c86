"""A tiny base, a made-up MRPC of forty pairs, and a target that a paper might have printed."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from verilora.records.recipe import Recipe
from verilora.records.target import Target
from verilora.reproduce.comparison import Comparison

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
WORDS = ["red", "blue", "green", "old", "new", "cat", "dog", "house"]
TRAIN_ROWS, ROWS = 48, 40


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a tiny encoder with its tokenizer."""
    directory = tmp_path_factory.mktemp("base")
    numbers = {word: number for number, word in enumerate([*SPECIAL, *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(numbers, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=16,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    ).save_pretrained(directory)
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = BertConfig(
        vocab_size=len(numbers), intermediate_size=32, max_position_embeddings=16, **sizes
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        model = BertModel(config)
    for parameter in model.parameters():
        parameter.data *= 5  # with the usual small initial values a random encoder tells nothing
    model.save_pretrained(directory)
    return directory


@pytest.fixture(scope="session")
def mrpc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory in GLUE's form: two texts are "equivalent" if both name a cat."""
    directory = tmp_path_factory.mktemp("mrpc")
    chance = random.Random(1)
    for name, count in (("train", TRAIN_ROWS), ("dev", ROWS)):
        lines = ["Quality\t#1 ID\t#2 ID\t#1 String\t#2 String"]
        for number in range(count):
            same = number % 5 < 3
            first, second = (_text(chance, "cat" if same else "dog") for _ in range(2))
            lines.append(f"{int(same)}\t{name}{number}a\t{name}{number}b\t{first}\t{second}")
        (directory / f"{name}.tsv").write_text("\n".join(lines) + "\n", "utf-8")
    return directory


def _text(chance: random.Random, word: str) -> str:
    words = [chance.choice(WORDS[:5]) for _ in range(chance.randint(0, 2))]
    return " ".join([*words, word])


@pytest.fixture(scope="session")
def recipe(base: Path, mrpc: Path) -> Recipe:
    """What the made-up paper did."""
    return Recipe.model_validate(
        {
            "name": "tiny/table1/small/mrpc",
            "model": {"id": str(base)},
            "task": {"name": "mrpc", "data": str(mrpc)},
            "adapter": {"rank": 2, "alpha": 16, "target_modules": ["query", "value"]},
            "training": {
                "epochs": 6,
                "batch_size": 4,
                "learning_rate": 2e-2,
                "max_length": 16,
                "select": "best",
                "threads": 1,
            },
        }
    )


NUMBER = {
    "value": 85.0,
    "unit": "percent",
    "spread": 3.0,
    "spread_kind": "sd",
    "runs": 5,
    "aggregation": "mean",
    "decimals": 1,
    "items": ROWS,
}
TOLD = {
    "metric": "accuracy",
    "evaluation": f"the whole development set, {ROWS} pairs",
    "base": "the tiny encoder",
    "start": "the pretrained weights",
    "training_data": f"the training set, {TRAIN_ROWS} pairs",
    "selection": "best epoch",
}
CITATION = {
    "paper_arxiv_id": "0000.00000",
    "section": "Table 1",
    "row": "small",
    "column": "MRPC",
    "reported_value": NUMBER["value"],
    "reported_metric": "accuracy",
    "quoted_text": "small 85.0±3.0",
}


@pytest.fixture(scope="session")
def make_target(base: Path, recipe: Recipe) -> Callable[..., Target]:
    """A target on the tiny base; keywords replace its fields, `reported` joins the number's."""

    def make(*, reported: dict[str, Any] | None = None, **changes: Any) -> Target:
        account = {"source": "Table 9", "recipe": recipe, "told": TOLD}
        return Target.model_validate(
            {
                "name": recipe.name,
                "paper": {"arxiv_id": "0000.00000", "title": "A tiny paper"},
                "citation": CITATION,
                "reported": {**NUMBER, **(reported or {})},
                "metric": "accuracy",
                "bases": [str(base)],
                "train_rows": TRAIN_ROWS,
                "accounts": {"paper": account},
                **changes,
            }
        )

    return make


@pytest.fixture(scope="session")
def versus(recipe: Recipe) -> Comparison:
    """LoRA against full fine-tuning on the tiny base."""
    ours = recipe.replace(name="tiny")
    training = ours.training.replace(method="full", learning_rate=1e-2)
    return Comparison(
        "lora/claim/tiny",
        ours,
        ours.replace(training=training),
        seeds=(0, 1, 2),
        share_below=100.0,
        forecast=0.5,
    )
