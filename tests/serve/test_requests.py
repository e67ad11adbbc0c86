"""Every fault of a file of requests is told with its line; what is sound becomes tokens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from verilora.errors import DataError, RecipeError
from verilora.serve.requests import encode_requests, read_requests

PATH = Path("in.jsonl")
FAULTS = {
    "not json": ("{", "is not JSON"),
    "no number": ('{"prompt": NaN, "adapter": "a"}', "NaN is no JSON"),
    "no object": ("[1]", "a JSON object is wanted, and this is list"),
    "misspelt key": ('{"prompt": "x", "adaptor": "a"}', "'adaptor'; did you mean 'adapter'"),
    "no adapter": ('{"prompt": "x"}', "no key 'adapter'; there are: french, b, or null"),
    "another adapter": ('{"prompt": "x", "adapter": "frensh"}', "did you mean 'french'"),
    "number for a name": ('{"prompt": "x", "adapter": 3}', "no adapter is called 3"),
    "no prompt": ('{"adapter": "b"}', "either 'prompt' or 'messages'"),
    "both": ('{"prompt": "x", "messages": [], "adapter": "b"}', "either 'prompt' or 'messages'"),
    "no text": ('{"prompt": 3, "adapter": "b"}', "the prompt is int"),
    "half": ('{"prompt": "\\ud800", "adapter": "b"}', "half of a surrogate pair"),
    "no turns": ('{"messages": [], "adapter": "b"}', "a list of turns"),
    "answered": (
        '{"messages": [{"role": "assistant", "content": "x"}], "adapter": "b"}',
        "the last turn is the assistant's",
    ),
    "role": (
        '{"messages": [{"role": "usr", "content": "x"}], "adapter": "b"}',
        "'usr'; did you mean 'user'",
    ),
}


def written(tmp_path: Path, *lines: str) -> Path:
    (tmp_path / "in.jsonl").write_bytes("\n".join(lines).encode())
    return tmp_path / "in.jsonl"


@pytest.mark.parametrize("case", FAULTS)
def test_a_fault_is_told_with_its_line(case: str, tmp_path: Path) -> None:
    line, told = FAULTS[case]
    path = written(tmp_path, '{"prompt": "x", "adapter": null}', "", line)
    with pytest.raises(DataError) as caught:
        read_requests(path, ["french", "b"])
    assert f"in.jsonl, line 3: {told}" in str(caught.value) or told in str(caught.value)
    assert caught.value.line == 3 and caught.value.file == str(path)


def test_faults_are_told_together(tmp_path: Path) -> None:
    path = written(tmp_path, *(line for line, _ in FAULTS.values()))
    with pytest.raises(DataError, match=f"{len(FAULTS)} rows have a fault"):
        read_requests(path, ["french", "b"])


def test_bytes_that_are_no_text_and_files_without_any(tmp_path: Path) -> None:
    path = written(tmp_path, "")
    with pytest.raises(DataError, match="holds no request"):
        read_requests(path, ["a"])
    path.write_bytes(b'{"prompt": "\xff", "adapter": "a"}')
    with pytest.raises(DataError, match=r"line 1: byte 0xff at 12 is not UTF-8"):
        read_requests(path, ["a"])
    with pytest.raises(DataError, match="did you mean"):
        read_requests(tmp_path / "im.jsonl", ["a"])


def test_requests_keep_their_order_and_what_was_given(tmp_path: Path) -> None:
    rows = [{"prompt": "one", "adapter": "b", "id": 3}, {"prompt": "two", "adapter": None}]
    found = read_requests(written(tmp_path, *map(json.dumps, rows)), ["b"])
    assert [one.given for one in found] == rows
    assert [(one.line, one.prompt, one.adapter) for one in found] == [
        (1, "one", "b"),
        (2, "two", None),
    ]


def test_prompts_begin_as_in_training_and_turns_follow_the_template(
    tmp_path: Path, tokenizer: Any
) -> None:
    chat = {"messages": [{"role": "user", "content": "two six"}], "adapter": "b"}
    rows = [{"prompt": "one two", "adapter": "b"}, chat]
    found = read_requests(written(tmp_path, *map(json.dumps, rows)), ["b"])
    # "u" is no word: the template writes the role's first letter.
    assert encode_requests(found, tokenizer, path=PATH) == [[1, 4, 5], [3, 5, 9]]


def test_what_gives_no_tokens_is_refused(tmp_path: Path, tokenizer: Any) -> None:
    from copy import deepcopy

    from tokenizers import processors

    bare = deepcopy(tokenizer)
    bare.chat_template = None
    bare.backend_tokenizer.post_processor = processors.Sequence([])
    rows = [{"prompt": "one", "adapter": "b"}, {"prompt": " ", "adapter": "b"}]
    found = read_requests(written(tmp_path, *map(json.dumps, rows)), ["b"])
    with pytest.raises(DataError, match=r"in\.jsonl, line 2: the prompt is empty"):
        encode_requests(found, bare, path=PATH)
    chat = {"messages": [{"role": "user", "content": "two six"}], "adapter": "b"}
    found = read_requests(written(tmp_path, json.dumps(chat)), ["b"])
    with pytest.raises(RecipeError, match="no chat template"):
        encode_requests(found, bare, path=PATH)
