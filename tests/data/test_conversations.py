from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from verilora.data.conversations import to_language_examples
from verilora.data.dataset import Example
from verilora.data.findings import Findings
from verilora.data.tasks import Task
from verilora.errors import DataError

USER, ANSWER = {"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Yes?"}


def task(*columns: str, label: str = "", messages: str | None = None) -> Task:
    return Task("own", "causal-lm", columns, label, labels=(), metrics=(), messages_column=messages)


def read(*values: Any, of: Task) -> list[Example]:
    rows = ((line, value) for line, value in enumerate(values, 1))
    return to_language_examples(rows, Findings(Path("a.jsonl")), task=of, prefix="train")


def talk(*turns: Any) -> list[Example]:
    return read((list(turns),), of=task(messages="messages"))


def test_turns_keep_role_and_content() -> None:
    assert talk(USER, ANSWER) == [
        Example("train-0", (), turns=(("user", "Hi."), ("assistant", "Yes?")))
    ]
    # Parquet gives every key to every row: one without a value is not there.
    assert talk(USER, {**ANSWER, "name": None})[0].turns[1] == ("assistant", "Yes?")


@pytest.mark.parametrize(
    ("turns", "told"),
    [
        (["Hi."], "turn 1 is 'Hi.'; an object with role and content"),
        (
            [USER, {"role": "assitant", "content": "a"}],
            "turn 2 has the role 'assitant'; did you mean",
        ),
        ([{"from": "human", "value": "a"}], "turn 1 has no 'role' (it has 'from', 'value')"),
        ([{"role": "user"}, ANSWER], "turn 1 has no 'content' (it has 'role')"),
        ([USER, {"role": "assistant", "content": " \n"}], r"turn 2 (assistant) has no text: its"),
        (
            [{"role": "user", "content": [{"type": "text"}]}],
            "turn 1 (user) has no text: its content",
        ),
        ([{"role": 3, "content": "a"}], "turn 1 has the role 3 (known: system, user, assistant"),
        ([USER], "no turn of the assistant (found: user)"),
        ([USER, {**ANSWER, "tool_calls": [1]}], "turn 2 has 'tool_calls' beside role and content"),
        ([USER, {"role": "assistant", "content": "a\ud800"}], "turn 2 holds half of a surrogate"),
        ([], "the conversation is []; a list of turns is wanted"),
    ],
)
def test_a_faulty_conversation_is_told_with_its_line(turns: list[Any], told: str) -> None:
    with pytest.raises(DataError) as caught:
        talk(*turns)
    assert "a.jsonl, line 1: " in str(caught.value)
    assert told in str(caught.value)


def test_all_faults_come_together() -> None:
    with pytest.raises(DataError, match="2 rows have a fault") as caught:
        read(([USER],), ([USER, ANSWER],), ("x" * 60,), of=task(messages="messages"))
    assert "line 3: the conversation is 'xxxxxxxxxxxxxxxxxxx" in str(caught.value)
    assert "xxx..." in str(caught.value)


def test_texts_and_prompts() -> None:
    assert read(("Once.",), of=task("text")) == [Example("train-0", ("Once.",))]
    pair = task("prompt", label="completion")
    assert read(("", "a"), of=pair) == [Example("train-0", ("", "a"))]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (("a", " "), "the completion is empty: there is nothing to learn"),
        (("a", None), "'completion' is missing; a string is wanted"),
        ((3, "a"), "'prompt' is 3; a string is wanted"),
    ],
)
def test_a_faulty_pair(values: tuple[Any, ...], told: str) -> None:
    with pytest.raises(DataError, match=told):
        read(values, of=task("prompt", label="completion"))


def test_an_empty_text_and_an_empty_file() -> None:
    with pytest.raises(DataError, match="line 1: the text is empty"):
        read(("\n",), of=task("text"))
    with pytest.raises(DataError, match="holds no rows; at least one with text"):
        read(of=task("text"))
