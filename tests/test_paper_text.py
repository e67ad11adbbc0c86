"""Texts of papers: read as they are; what cannot be read is refused in words."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import pytest

from verilora.errors import DataError, MissingExtraError
from verilora.paper_text import LARGEST, read_paper
from verilora.verdict.folding import find_quote

LINES = ("Table 2: Accuracy.", "Encoder-small (Bridges) 86.6 89.7")


def make_pdf(*lines: str) -> bytes:
    """A PDF of one page that shows the lines, written by hand."""
    shown = " ".join(
        f"({line}) Tj T*".replace("(B", "\\(B").replace("s) 8", "s\\) 8") for line in lines
    )
    stream = f"BT /F1 10 Tf 14 TL 40 700 Td {shown} ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    content, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table)
    tail = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
    return content + head + tail % (len(objects) + 1, len(content))


def test_a_text_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "paper.txt"
    path.write_text("\ufeffTable 2: 89.7 ± .7\n", "utf-8")
    assert read_paper(path) == "Table 2: 89.7 ± .7\n"


def test_a_pdf_is_read_whatever_it_is_called(tmp_path: Path) -> None:
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
    [b"%PDF-1.4\n", make_pdf(*LINES)[:300], b"%PDF-1.4\n" + b"\xff" * 500],
    ids=["head", "cut", "noise"],
)
def test_a_damaged_pdf_is_refused(tmp_path: Path, content: bytes) -> None:
    pytest.importorskip("pypdf")
    path = tmp_path / "paper.pdf"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"can be read|holds no text"):
        read_paper(path)


def test_a_pdf_of_pictures_is_refused(tmp_path: Path) -> None:
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
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
