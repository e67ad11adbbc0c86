"""A tiny base on disk, and recipes that train it in a second."""

from __future__ import annotations

import csv
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    BertConfig,
    BertForSequenceClassification,
    PreTrainedTokenizerFast,
)

from verilora.records.recipe import Recipe
from verilora.train.build import build
from verilora.train.session import Session, open_session

GOOD = ["bright", "kind", "warm", "calm", "clear"]
BAD = ["dull", "cruel", "cold", "loud", "dark"]
PLAIN = ["the", "day", "was", "very", "and", "a", "house", "of", "light"]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def save_tokenizer(directory: Path) -> None:
    words = {word: n for n, word in enumerate([*SPECIAL, *GOOD, *BAD, *PLAIN])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", words["[CLS]"]), ("[SEP]", words["[SEP]"])],
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=32,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    ).save_pretrained(directory)


def save_base(directory: Path) -> None:
    """An encoder without a head, as a base on the hub is."""
    config = BertConfig(
        vocab_size=24,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        model = BertForSequenceClassification(config)
    for parameter in model.bert.encoder.parameters():
        parameter.data *= 4  # a random encoder with initial values this small gives nothing away
    model.bert.save_pretrained(directory)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a tiny pretrained encoder with its tokenizer."""
    directory = tmp_path_factory.mktemp("base")
    save_base(directory)
    save_tokenizer(directory)
    return directory


def write_rows(path: Path, rows: int, seed: int, *, values: bool) -> None:
    draw = random.Random(seed)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for _ in range(rows):
            good = draw.random() < 0.5
            words = [draw.choice(PLAIN) for _ in range(draw.randint(1, 9))]
            words.insert(draw.randrange(len(words) + 1), draw.choice(GOOD if good else BAD))
            label = f"{1 + 3 * good + len(words) / 20:.2f}" if values else ["bad", "good"][good]
            writer.writerow([" ".join(words), label])


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with train.csv, dev.csv (two classes) and the same with values."""
    directory = tmp_path_factory.mktemp("data")
    write_rows(directory / "train.csv", 60, 1, values=False)
    write_rows(directory / "dev.csv", 24, 2, values=False)
    write_rows(directory / "train-values.csv", 60, 3, values=True)
    write_rows(directory / "dev-values.csv", 24, 4, values=True)
    return directory


@pytest.fixture(scope="session")
def make_recipe(base: Path, data: Path) -> Callable[..., Recipe]:
    """A recipe on the tiny base; keywords go to [training], `adapter` and `task` to theirs."""

    def make(
        *,
        adapter: dict[str, Any] | None = None,
        task: dict[str, Any] | None = None,
        **training: Any,
    ) -> Recipe:
        own = {
            "kind": "classification",
            "data": str(data),
            "train": "train.csv",
            "validation": "dev.csv",
            "text_columns": ["text"],
            "label_column": "label",
            "labels": ["bad", "good"],
        }
        return Recipe.model_validate(
            {
                "name": "tiny",
                "model": {"id": str(base)},
                "task": {**own, **(task or {})},
                "adapter": {"rank": 2, "alpha": 4, "target_modules": ["query", "value"]}
                | (adapter or {}),
                "training": {"epochs": 2, "batch_size": 8, "learning_rate": 1e-2, "max_length": 16}
                | {"threads": 1}
                | training,
            }
        )

    return make


@pytest.fixture(scope="session")
def regression(make_recipe: Callable[..., Recipe]) -> Callable[..., Recipe]:
    """As `make_recipe`, with values for labels."""

    def make(**training: Any) -> Recipe:
        recipe = make_recipe(**training)
        files = {"train": "train-values.csv", "validation": "dev-values.csv"}
        task = {**recipe.task.to_mapping(), **files, "kind": "regression", "labels": None}
        return recipe.replace(task={**task, "metrics": None})

    return make


@pytest.fixture
def opened(make_recipe: Callable[..., Recipe]) -> Callable[..., Session]:
    """A session of the tiny recipe, ready for its first step."""
    return lambda **training: open_session(build(make_recipe(**training)))


class Server:
    """A process that runs jobs (stoppable.py), with its own hash seed."""

    def __init__(self, hash_seed: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).parent / "stoppable.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "OMP_NUM_THREADS": "1"},
        )

    def run(
        self, recipe: Recipe, out: Path, *, kill: Any = None, resume: bool = False
    ) -> dict[str, Any]:
        """The exit status of a run in a process of its own, and its error."""
        assert self._process.stdin and self._process.stdout
        job = {"recipe": recipe.to_mapping(), "out": str(out), "kill": kill, "resume": resume}
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """Ends it."""
        self._process.communicate()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Runs in processes of their own."""
    started = Server("1")
    yield started
    started.close()


@pytest.fixture(scope="session")
def other_server() -> Iterator[Server]:
    """The same, with sets and dicts of strings in another order."""
    started = Server("2")
    yield started
    started.close()


@pytest.fixture
def open_recipe() -> Callable[[Recipe], Session]:
    """A session of any recipe."""
    return lambda recipe: open_session(build(recipe))


@pytest.fixture(scope="session")
def save_words() -> Callable[[Path], None]:
    """Saves the tiny encoders' tokenizer."""
    return save_tokenizer


TALK = (
    "{% for m in messages %}<{{ m['role'] }}> {{ m['content'] }} </s>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
LLAMA = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2}
SIZES: dict[str, dict[str, Any]] = {
    "gpt2": {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 48},
    "llama": {**LLAMA, "num_attention_heads": 4, "num_key_value_heads": 2},
}
FORMS: dict[str, dict[str, Any]] = {
    "text": {"text_columns": ["text"]},
    "pairs": {"text_columns": ["prompt"], "label_column": "completion"},
    "talks": {"messages_column": "messages"},
}


def save_speaker(directory: Path) -> None:
    """A tokenizer as causal models have it: no padding token, and a chat template."""
    marks = ["<s>", "</s>", "[UNK]", "<user>", "<assistant>"]
    words = {word: n for n, word in enumerate([*marks, *GOOD, *BAD, *PLAIN])}
    backend = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    backend.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", 0)]
    )
    names = {"bos_token": "<s>", "eos_token": "</s>", "additional_special_tokens": marks[3:]}
    made = PreTrainedTokenizerFast(tokenizer_object=backend, model_max_length=48, **names)
    made.chat_template = TALK
    made.save_pretrained(directory)


@pytest.fixture(scope="session")
def causal_bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Directories of tiny causal models, their heads tied to their embeddings."""
    found = {}
    for kind, sizes in SIZES.items():
        ids = {"vocab_size": 24, "eos_token_id": 1, "tie_word_embeddings": True}
        found[kind] = tmp_path_factory.mktemp(kind)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(7)
            model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **sizes, **ids))
        model.save_pretrained(found[kind])
        save_speaker(found[kind])
    return found


@pytest.fixture(scope="session")
def talks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """train.jsonl and dev.jsonl: a text, the same as a prompt and a completion, and as a talk.

    What is said of a word is the word after it: something to learn.
    """
    directory = tmp_path_factory.mktemp("talks")
    for name, rows in (("train", 40), ("dev", 14)):
        draw, lines = random.Random(rows), []
        for _ in range(rows):
            asked = [draw.choice(PLAIN) for _ in range(draw.randint(1, 6))]
            said = " ".join(PLAIN[(PLAIN.index(word) + 1) % len(PLAIN)] for word in asked)
            row: dict[str, Any] = {"prompt": " ".join(asked), "completion": said}
            turns = zip(("user", "assistant"), row.values(), strict=True)
            row["messages"] = [{"role": role, "content": content} for role, content in turns]
            lines.append(json.dumps({**row, "text": f"{row['prompt']} {said}"}) + "\n")
        (directory / f"{name}.jsonl").write_text("".join(lines))
    return directory


@pytest.fixture(scope="session")
def make_causal(causal_bases: dict[str, Path], talks: Path) -> Callable[..., Recipe]:
    """A recipe for a tiny causal model of a kind, with texts of a form; keywords to [training]."""

    def make(kind: str = "llama", form: str = "pairs", **given: Any) -> Recipe:
        files = {"data": str(talks), "train": "train.jsonl", "validation": "dev.jsonl"}
        targets = {"gpt2": ["c_attn"], "llama": ["q_proj", "v_proj"]}[kind]
        adapter = {"rank": 2, "alpha": 4, "target_modules": targets, **given.pop("adapter", {})}
        task = {"kind": "causal-lm", **files, **FORMS[form], **given.pop("task", {})}
        usual = {"epochs": 2, "batch_size": 8, "learning_rate": 1e-2, "max_length": 24}
        written = given.pop("generation", None)
        sections = {"task": task, "adapter": adapter, "generation": written}
        sections["training"] = {**usual, "threads": 1, **given}
        model = {"id": str(causal_bases[kind])}
        return Recipe.model_validate({"name": "tiny", "model": model, **sections})

    return make
