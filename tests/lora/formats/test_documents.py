"""JSON is read strictly and written in one form."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from verilora.lora.formats.documents import (
    DocumentError,
    compact_bytes,
    document_bytes,
    parse_document,
    plain_data,
    read_file,
)

PLAIN = some.recursive(
    some.none() | some.booleans() | some.integers(-(2**60), 2**60) | some.text(max_size=5),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=3), inner),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b"[1]", "holds list where an object is wanted"),
        (b"3", "holds int"),
        (b'{"a": 1, "b": 2, "a": 3}', "gives the key 'a' twice"),
        (b'{"a": {"b": 1, "b": 1}}', "gives the key 'b' twice"),
        (b'{"a": NaN}', "holds NaN"),
        (b'{"a": [-Infinity]}', "holds -Infinity"),
        (b'{"a": 1e999}', "holds the number 1e999, which is too large"),
        (b'{"a": "\\ud800"}', "half of a surrogate pair"),
        (b'{"\\udfff": 1}', "half of a surrogate pair"),
        (b'{"a": "\xff"}', "is not UTF-8"),
        ("{}".encode("utf-16"), "is not"),
        (b'\xef\xbb\xbf{"a": 1}', "is not JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "is not JSON"),
        (b'{"a": ' + b"[" * 100_000, "nested too deeply"),
        (b'{"a": 1} {"b": 2}', "is not JSON"),
    ],
)
def test_what_is_refused(content: bytes, told: str) -> None:
    with pytest.raises(DocumentError, match=told):
        parse_document(content)


@given(some.dictionaries(some.text(max_size=4), PLAIN, max_size=4))
def test_what_is_written_is_read_back(value: dict[str, Any]) -> None:
    assert parse_document(document_bytes(value)) == value
    assert parse_document(compact_bytes(value)) == value
    turned = dict(reversed(value.items()))
    assert document_bytes(turned) == document_bytes(value)


def test_the_form_is_pefts() -> None:
    value = {"r": 8, "target_modules": ["ä", "b"], "alpha": 0.5, "none": None}
    assert document_bytes(value) == json.dumps(value, indent=2, sort_keys=True).encode()


@pytest.mark.parametrize("value", [{"a": float("nan")}, {"a": {1, 2}}, {"a": "\ud800"}, {(1,): 2}])
def test_data_that_cannot_be_read_back(value: Any) -> None:
    with pytest.raises(DocumentError, match="cannot be written as JSON"):
        plain_data(value)


def test_plain_data_is_what_comes_back() -> None:
    assert plain_data({"a": (1, 2), "b": "ü\n"}) == {"a": [1, 2], "b": "ü\n"}


def test_only_regular_files_of_bounded_size(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    link = tmp_path / "link"
    link.symlink_to(path)
    os.mkfifo(tmp_path / "pipe")
    assert read_file(path, limit=5) == read_file(link, limit=5) == b"12345"
    with pytest.raises(DocumentError, match="has 5 bytes; at most 4 are read"):
        read_file(path, limit=4)
    for name in ("pipe", "absent", "."):
        with pytest.raises(DocumentError, match="is no regular file"):
            read_file(tmp_path / name, limit=5)
