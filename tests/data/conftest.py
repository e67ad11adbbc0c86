"""Tiny copies of GLUE's files, a tiny tokenizer, and the real data where it is there."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
WORDS = ("the", "a", "man", "plays", "music", "sings", "and", "dog", "runs", "cat", "sleeps")

HEADERS = {
    "sst2": ("sentence", "label"),
    "mrpc": ("Quality", "#1 ID", "#2 ID", "#1 String", "#2 String"),
    "stsb": (
        *("index", "genre", "filename", "year", "old_index", "source1", "source2"),
        *("sentence1", "sentence2", "score"),
    ),
    "qqp": ("id", "qid1", "qid2", "question1", "question2", "is_duplicate"),
    "mnli": ("index", "pairID", "genre", "sentence1", "sentence2", "label1", "gold_label"),
    "qnli": ("index", "question", "sentence", "label"),
    "rte": ("index", "sentence1", "sentence2", "label"),
    "wnli": ("index", "sentence1", "sentence2", "label"),
}
ROWS = {
    "cola": [("gj04", "1", "", "He sings."), ("gj04", "0", "*", 'Sings he "so.')],
    "sst2": [("a fine film ", "1"), ('" dull "', "0")],
    "mrpc": [("1", "11", "12", "He said .", 'He " said .'), ("0", "13", "14", "A .", "B .")],
    "stsb": [
        ("0", "g", "f", "2012", "1", "s", "s", "A man plays.", "A man sings.", "3.200"),
        ("1", "g", "f", "2012", "2", "s", "s", "A dog.", "A cat.", "0"),
    ],
    "qqp": [("1", "2", "3", "Why so ?", "Why ?", "1"), ("4", "5", "6", "Who ?", "", "0")],
    "mnli": [
        ("0", "p", "g", "A man sings.", "A man.", "neutral", "entailment"),
        ("1", "p", "g", "A man.", "A dog.", "neutral", "contradiction"),
        ("2", "p", "g", "A man.", "He sings.", "neutral", "neutral"),
    ],
    "qnli": [("0", "Who ?", "He.", "entailment"), ("1", "Why ?", "So.", "not_entailment")],
    "rte": [("0", "A.", "B.", "not_entailment"), ("1", "A.", "A.", "entailment")],
    "wnli": [("0", "A.", "B.", "1"), ("1", "A.", "C.", "0")],
}


def lines_of(task: str) -> list[tuple[str, ...]]:
    """Header, where the task's files have one, and rows."""
    return [*([HEADERS[task]] if task in HEADERS else []), *ROWS[task]]


def tsv(rows: Iterable[tuple[str, ...]]) -> bytes:
    return "".join("\t".join(row) + "\n" for row in rows).encode()


@pytest.fixture
def write_glue(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes a task's train and dev files, and gives their directory."""

    def write(task: str, *, packed: bool = False, mark: bytes = b"") -> Path:
        content = mark + tsv(lines_of(task))
        dev = ("dev_matched", "dev_mismatched") if task == "mnli" else ("dev",)
        directory = tmp_path / f"{task}{'-packed' if packed else ''}"
        directory.mkdir()
        for name in ("train", *dev):
            data = gzip.compress(content) if packed else content
            (directory / f"{name}.tsv{'.gz' if packed else ''}").write_bytes(data)
        return directory

    return write


@pytest.fixture
def shared() -> Callable[[str], Path]:
    """A function that gives the real data's directory, or skips the test where it is absent."""

    def find(name: str) -> Path:
        if not (SHARED / name).is_dir():
            pytest.skip(f"the real data of {name} is not there")
        return SHARED / name

    return find


@pytest.fixture
def tokenizer() -> Any:
    """Words of a tiny vocabulary, as BERT's tokenizers write them; told to pad to 128."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS]
    backend = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="[UNK]"))
    backend.normalizer = normalizers.Lowercase()
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    backend.enable_padding(length=128)
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=128,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )


CHAT = (
    "{% for m in messages %}[{{ m['role'] }}] {{ m['content'] }} [END]{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)
MARKS = ("[END]", "[system]", "[user]", "[assistant]", "[tool]")


@pytest.fixture
def speaker() -> Any:
    """As causal models have it: a start token, an end token, no padding token, a chat template."""
    words = ["<s>", "</s>", "[UNK]", *MARKS, *WORDS]
    backend = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    backend.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 0)]
    )
    made = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token="<s>",
        eos_token="</s>",
        unk_token="[UNK]",
        additional_special_tokens=list(MARKS),
        model_max_length=64,
    )
    made.chat_template = CHAT
    return made
