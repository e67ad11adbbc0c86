"""From examples to token ids, by the base's own tokenizer; nothing is padded here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from verilora.data.dataset import Example
from verilora.data.encoded import IGNORED, Encoded
from verilora.data.language import encode_language
from verilora.data.tasks import CAUSAL, Task
from verilora.errors import RecipeError

__all__ = ["IGNORED", "Encoded", "encode"]

CHUNK = 1024
"""Examples per call of the tokenizer, whose own records of a text are many times its ids."""


def encode(examples: Sequence[Example], tokenizer: Any, *, max_length: int, task: Task) -> Encoded:
    """The examples as the tokenizer writes them, cut to `max_length` tokens.

    Of a pair the longer text is cut, token by token; of a causal language model's texts see
    `data.language`. Raises RecipeError if the limit leaves no room for a token of text.
    """
    if task.kind == CAUSAL:
        return encode_language(examples, tokenizer, max_length=max_length, task=task)
    pair = len(task.text_columns) == 2
    special = tokenizer.num_special_tokens_to_add(pair=pair)
    if max_length <= special:
        raise RecipeError(
            "[training]",
            [
                f"max_length is {max_length} tokens, and {special} of them are special ones; at "
                f"least {special + 1} are wanted"
            ],
        )
    ids: list[list[int]] = []
    type_ids: list[list[int]] = []
    truncated = 0
    for start in range(0, len(examples), CHUNK):
        chunk = examples[start : start + CHUNK]
        fields, cut = _tokenize(chunk, tokenizer, max_length=max_length)
        ids += fields["input_ids"]
        type_ids += fields.get("token_type_ids", [])
        truncated += cut
    labels: Any = [example.label for example in examples]
    return Encoded(
        ids, type_ids or None, labels, [example.id for example in examples], truncated=truncated
    )


def _tokenize(
    examples: Sequence[Example], tokenizer: Any, *, max_length: int
) -> tuple[dict[str, list[list[int]]], int]:
    """The tokenizer's fields for some examples, and how many of these it had to cut."""
    options = {"padding": False, "return_attention_mask": False}
    fields = tokenizer(*_columns(examples), truncation=False, verbose=False, **options)
    fields = {name: list(rows) for name, rows in fields.items()}
    long = [index for index, ids in enumerate(fields["input_ids"]) if len(ids) > max_length]
    if long:
        columns = _columns([examples[index] for index in long])
        cut = tokenizer(*columns, truncation=True, max_length=max_length, **options)
        for name, rows in cut.items():
            for index, row in zip(long, rows, strict=True):
                fields[name][index] = row
    return fields, len(long)


def _columns(examples: Sequence[Example]) -> list[list[str]]:
    return [list(column) for column in zip(*(example.texts for example in examples), strict=True)]
