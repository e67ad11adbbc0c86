"""The configuration of `tiny-bits`: encoder, tokenizer, data and recipe, the same bytes anywhere.

Every weight is drawn by Python's own generator, whose numbers are the same on all machines and
versions; so what differs in the result was made in training.
"""

from __future__ import annotations

import csv
import random
import tomllib
from importlib import resources
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from verilora.recipes.check import check_recipe
from verilora.records.recipe import Recipe

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
THINGS = ("apple", "boat", "chair", "door", "engine", "flute", "garden", "hat")
PLAIN = ("a", "the", "there", "is", "and", "old", "new", "on", "in", "hill")
ROWS = {"train": 48, "validation": 32}
SPREAD = 0.2
"""Half the width of the uniform distribution of the weights."""


def make_tiny(directory: Path) -> Recipe:
    """Writes base and data into the directory and gives the recipe that trains on them."""
    base, data = directory / "base", directory / "data"
    data.mkdir(parents=True)
    _save_base(base)
    _save_tokenizer(base)
    for name, rows in ROWS.items():
        _write_rows(data / f"{name}.csv", rows)
    content = resources.files("verilora.anchors").joinpath("tiny-bits.toml").read_text("utf-8")
    recipe = check_recipe(tomllib.loads(content), "tiny-bits.toml")
    return recipe.replace(
        model=recipe.model.replace(id=str(base)), task=recipe.task.replace(data=str(data))
    )


def _save_base(directory: Path) -> None:
    config = BertConfig(
        vocab_size=len(_words()),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=32,
    )
    with torch.random.fork_rng(devices=[]):
        model = BertModel(config)
    for name, parameter in model.named_parameters():
        draw = random.Random(f"tiny-bits {name}")
        centre = 1.0 if name.endswith("LayerNorm.weight") else 0.0
        values = [centre + SPREAD * (2 * draw.random() - 1) for _ in range(parameter.numel())]
        parameter.data.copy_(torch.tensor(values).reshape(parameter.shape))
    # Not save_pretrained, which draws a bar.
    directory.mkdir()
    config.save_pretrained(directory)
    save_file(model.state_dict(), directory / "model.safetensors", metadata={"format": "pt"})


def _save_tokenizer(directory: Path) -> None:
    words = _words()
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(word, words[word]) for word in ("[CLS]", "[SEP]")],
    )
    names = ("pad", "unk", "cls", "sep", "mask")
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=32,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
        **{f"{name}_token": f"[{name.upper()}]" for name in names},
    ).save_pretrained(directory)


def _words() -> dict[str, int]:
    return {word: number for number, word in enumerate((*SPECIAL, *THINGS, *PLAIN))}


def _write_rows(path: Path, rows: int) -> None:
    draw = random.Random(f"tiny-bits {path.stem}")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["first", "second", "same"])
        for _ in range(rows):
            thing, same = draw.choice(THINGS), draw.random() < 0.5
            other = thing if same else draw.choice([t for t in THINGS if t != thing])
            writer.writerow([_around(thing, draw), _around(other, draw), "yes" if same else "no"])


def _around(thing: str, draw: random.Random) -> str:
    words = [draw.choice(PLAIN) for _ in range(draw.randint(1, 6))]
    words.insert(draw.randint(0, len(words)), thing)
    return " ".join(words)
