"""Runs the door as a user does, on a tiny base and a task of two words."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import tomli_w
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from verilora.cli.main import main

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "good", "bad", "a", "day", "and", "night"]


class Told(NamedTuple):
    """Exit status and the two streams."""

    status: int
    out: str
    err: str


@pytest.fixture(autouse=True, scope="module")
def nobodys_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Folders of a user who has nothing yet: no test touches those of the one who runs it."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("CONFIG", "DATA", "STATE"):
            patch.setenv(f"XDG_{name}_HOME", str(home / name.lower()))
        yield home


@pytest.fixture
def verilora(capsys: pytest.CaptureFixture[str]) -> Callable[..., Told]:
    """`verilora("train", "x")` in this process."""

    def call(*arguments: object) -> Told:
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Told(status, out, err)

    return call


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a tiny encoder and its tokenizer."""
    directory = tmp_path_factory.mktemp("base")
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = BertConfig(
        vocab_size=len(WORDS), intermediate_size=32, max_position_embeddings=16, **sizes
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        BertModel(config).save_pretrained(directory)
    _tokenizer().save_pretrained(directory)
    return directory


def _tokenizer() -> PreTrainedTokenizerFast:
    numbers = {word: number for number, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordLevel(numbers, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    ends = [(word, numbers[word]) for word in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=ends
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]", model_max_length=16
    )


@pytest.fixture(scope="session")
def recipe_file(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe that trains the tiny base in a moment."""
    folder = tmp_path_factory.mktemp("task")
    for name in ("train", "validation"):
        with (folder / f"{name}.csv").open("w", newline="") as file:
            rows = [(f"a {word} {end}", word) for word in ("good", "bad") for end in WORDS[6:]]
            csv.writer(file).writerows([("text", "kind"), *rows])
    recipe = {
        "name": "tiny",
        "model": {"id": str(tiny_base)},
        "task": {
            "kind": "classification",
            "train": str(folder / "train.csv"),
            "validation": str(folder / "validation.csv"),
            "text_columns": ["text"],
            "label_column": "kind",
            "labels": ["good", "bad"],
        },
        "adapter": {"rank": 2, "target_modules": ["query", "value"]},
        "training": {"epochs": 4, "batch_size": 4, "learning_rate": 0.02, "max_length": 8},
    }
    path = folder / "tiny.toml"
    path.write_text(tomli_w.dumps(recipe), "utf-8")
    return path


@pytest.fixture(scope="session")
def trained(recipe_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a finished run; not to be changed."""
    directory = tmp_path_factory.mktemp("runs") / "tiny"
    assert main(["train", str(recipe_file), "--out", str(directory), "--quiet"]) == 0
    return directory
