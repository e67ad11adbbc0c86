from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from verilora.data import language as module
from verilora.data.dataset import Example
from verilora.data.encode import encode
from verilora.data.encoded import IGNORED, Encoded
from verilora.data.language import NO_TARGET, start_ids
from verilora.data.tasks import Task
from verilora.errors import DataError, RecipeError

_ = IGNORED
START, END = 0, 1
A, MAN, PLAYS, MUSIC, SINGS, DOG = 9, 10, 11, 12, 13, 15


def task(*columns: str, label: str = "", messages: str | None = None) -> Task:
    return Task(
        "own",
        "causal-lm",
        columns,
        label,
        labels=(),
        metrics=("perplexity",),
        messages_column=messages,
    )


TEXT, PAIR = task("text"), task("prompt", label="completion")


def written(speaker: Any, *texts: tuple[str, ...], of: Task, limit: int = 16) -> Encoded:
    examples = [Example(f"train-{n}", text) for n, text in enumerate(texts)]
    return encode(examples, speaker, max_length=limit, task=of)


def test_every_token_of_a_text_is_learnt_but_the_first(speaker: Any) -> None:
    found = written(speaker, ("a man plays",), of=TEXT)
    assert found.ids == [[START, A, MAN, PLAYS, END]]
    assert found.targets == [[_, A, MAN, PLAYS, END]]
    assert found.stops == (END,)
    assert found.labels == []


def test_a_long_text_becomes_pieces_in_which_each_token_is_learnt_once(speaker: Any) -> None:
    found = written(speaker, ("a man plays music and sings",), ("a dog",), of=TEXT, limit=4)
    assert found.ids[:3] == [[START, A, MAN, PLAYS], [PLAYS, MUSIC, 14, SINGS], [SINGS, END]]
    assert found.targets is not None
    assert found.targets[:3] == [[_, A, MAN, PLAYS], [_, MUSIC, 14, SINGS], [_, END]]
    assert found.example_ids == ["train-0", "train-0", "train-0", "train-1"]
    assert found.truncated == 1
    assert not found.dropped


def test_of_a_prompt_nothing_is_learnt(speaker: Any) -> None:
    found = written(speaker, ("a man", "plays music"), ("", "a dog"), of=PAIR)
    assert found.ids == [[START, A, MAN, PLAYS, MUSIC, END], [START, A, DOG, END]]
    assert found.targets == [[_, _, _, PLAYS, MUSIC, END], [_, A, DOG, END]]
    assert found.prompt(0) == [START, A, MAN]


def test_a_completion_is_cut_on_the_right_and_dropped_if_none_is_left(speaker: Any) -> None:
    found = written(speaker, ("a man", "plays music"), ("a man plays", "music"), of=PAIR, limit=4)
    assert found.ids == [[START, A, MAN, PLAYS]]
    assert found.targets == [[_, _, _, PLAYS]]
    assert (found.truncated, dict(found.dropped)) == (2, {NO_TARGET: 1})
    assert found.example_ids == ["train-0"]
    with pytest.raises(DataError, match=r"no text has a token to be learnt within .* = 3 tokens"):
        written(speaker, ("a man plays", "music"), of=PAIR, limit=3)


def test_where_a_task_wants_it_the_first_token_parts_prompt_and_completion(speaker: Any) -> None:
    found = written(speaker, ("a man", "plays music"), of=replace(PAIR, separated=True))
    assert found.ids == [[START, A, MAN, START, PLAYS, MUSIC, START]]
    assert found.targets == [[_, _, _, _, PLAYS, MUSIC, START]]
    assert found.prompt(0) == [START, A, MAN, START]
    assert found.stops == (START,)


def test_a_separated_completion_begins_as_a_word_inside_a_text() -> None:
    # As GPT-2's tokenizer has it: the space before a word is part of it, and one token does all.
    vocabulary = {"<end>": 0, "a": 1, "Ġa": 2, "b": 3, "Ġb": 4}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<end>"))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytewise = PreTrainedTokenizerFast(
        tokenizer_object=inner, bos_token="<end>", eos_token="<end>", unk_token="<end>"
    )
    found = written(bytewise, ("b a", "a b"), of=replace(PAIR, separated=True))
    assert found.ids == [[3, 2, 0, 2, 4, 0]]
    assert written(bytewise, ("b a", "a b"), of=PAIR).ids == [[3, 2, 1, 4, 0]]


def test_chunks_change_nothing(speaker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [("a man", "plays"), ("a dog", "sings music"), ("a", "man")] * 3
    whole = written(speaker, *texts, of=PAIR)
    monkeypatch.setattr(module, "CHUNK", 2)
    assert written(speaker, *texts, of=PAIR) == whole


def test_a_completion_needs_an_end_and_a_text_does_not(speaker: Any) -> None:
    speaker.eos_token = None
    assert written(speaker, ("a man",), of=TEXT).ids == [[START, A, MAN]]
    with pytest.raises(RecipeError, match=r"no end token .* set eos_token in"):
        written(speaker, ("a man", "plays"), of=PAIR)


def test_a_limit_without_room_is_refused(speaker: Any) -> None:
    with pytest.raises(RecipeError, match="2 tokens, and 1 of them begin every text; at least 3"):
        written(speaker, ("a man",), of=TEXT, limit=2)


def test_what_begins_a_text_is_the_tokenizers_own(speaker: Any, tokenizer: Any) -> None:
    assert start_ids(speaker) == [START]
    assert start_ids(tokenizer) == [2]
    speaker.backend_tokenizer.post_processor = type(speaker.backend_tokenizer.post_processor)(
        single="$A", special_tokens=[]
    )
    assert start_ids(speaker) == []


def test_conversations_go_by_the_template(speaker: Any) -> None:
    turns = (("user", "a man"), ("assistant", "plays"))
    talk = Example("train-0", (), turns=turns)
    found = encode([talk], speaker, max_length=16, task=task(messages="messages"))
    assert speaker.decode(found.ids[0]) == "[user] a man [END] [assistant] plays [END]"
    assert found.targets == [[_, _, _, _, _, PLAYS, 3]]
    assert found.stops == (END, 3)
    assert speaker.decode(found.prompt(0)) == "[user] a man [END] [assistant]"
