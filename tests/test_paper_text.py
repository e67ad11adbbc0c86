"""Texts of papers: read as they are; what cannot be read is refused in words."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from verilora.errors import DataError, MissingExtraError
from verilora.paper_text import LARGEST, read_paper
from verilora.verdict.folding import find_quote

LINES = ("Table 2: Accuracy.", "Encoder-small (Bridges) 86.6 89.7")


def test_a_text_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "paper.txt"
    path.write_text("\ufeffTable 2: 89.7 ± .7\n", "utf-8")
    assert read_paper(path) == "Table 2: 89.7 ± .7\n"


def test_a_pdf_is_read_whatever_it_is_called(
    tmp_path: Path, make_pdf: Callable[..., bytes]
) -> None:
    pytest.importorskip("pypdf")
    for name in ("paper.pdf", "download"):
        path = tmp_path / name
        path.write_bytes(make_pdf(*LINES))
        text = read_paper(path)
        found = find_quote(text, LINES[1], value=89.7, decimals=1)
        assert (found.found, found.distance) == (True, 0)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"caf\xe9", r"is no PDF, and byte 3 is not UTF-8; save it as UTF-8 text"),
        (b"a\0b", "is neither text nor a PDF"),
        (b" \n", "holds no text; give the paper as a .txt file"),
        (b"", "holds no text"),
        (b"x" * (LARGEST["text"] + 1), r"has 8,388,609 bytes; at most 8,388,608 are read"),
    ],
    ids=["latin", "binary", "blank", "empty", "large"],
)
def test_what_is_no_text_is_refused(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "paper.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=told) as caught:
        read_paper(path)
    assert caught.value.facts["file"] == path


@pytest.mark.parametrize(
    "content",
    [b"%PDF-1.4\n", b"%PDF-1.4\n" + b"\xff" * 500],
    ids=["head", "noise"],
)
def test_a_damaged_pdf_is_refused(tmp_path: Path, content: bytes) -> None:
    pytest.importorskip("pypdf")
    path = tmp_path / "paper.pdf"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"can be read|holds no text"):
        read_paper(path)


def test_a_pdf_that_was_cut_is_refused(tmp_path: Path, make_pdf: Callable[..., bytes]) -> None:
    pytest.importorskip("pypdf")
    path = tmp_path / "paper.pdf"
    path.write_bytes(make_pdf(*LINES)[:300])
    with pytest.raises(DataError, match=r"can be read|holds no text"):
        read_paper(path)


def test_a_pdf_of_pictures_is_refused(tmp_path: Path, make_pdf: Callable[..., bytes]) -> None:
    pytest.importorskip("pypdf")
    path = tmp_path / "paper.pdf"
    path.write_bytes(make_pdf())
    with pytest.raises(DataError, match="its pages may be pictures"):
        read_paper(path)


def test_no_file_and_a_directory_are_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read: No such file"):
        read_paper(tmp_path / "none.txt")
    with pytest.raises(DataError, match=r"is a directory; give the paper as a \.txt or \.pdf"):
        read_paper(tmp_path)


def test_without_pypdf_it_says_how_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_pdf: Callable[..., bytes]
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "pypdf":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    path = tmp_path / "paper.pdf"
    path.write_bytes(make_pdf(*LINES))
    with pytest.raises(MissingExtraError, match=r"pip install 'verilora\[pdf\]'"):
        read_paper(path)
