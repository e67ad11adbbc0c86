"""A paper's file -> its plain text, for the gates that look whether the paper says what is cited.

A text file is taken as it is; a PDF is read by pypdf (the extra "pdf"). What extraction does to
words and tables is folded away where they are compared, not here. Must not know any record.
"""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator
from pathlib import Path

from verilora.errors import DataError, MissingExtraError

LARGEST = {"text": 8 * 2**20, "PDF": 128 * 2**20}
"""Bytes of a file at most."""
MOST_PAGES = 2000
INSTALL = "pip install 'verilora[pdf]'"


def read_paper(path: Path) -> str:
    """The text of a paper in a .txt (UTF-8) or .pdf file; what it is shows in its first bytes.

    Raises DataError if there is no such file, it is too large, no UTF-8, no sound PDF, or holds
    no text; MissingExtraError for a PDF without pypdf.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except IsADirectoryError as error:
        raise _refused(path, "is a directory; give the paper as a .txt or .pdf file") from error
    except OSError as error:
        raise _refused(path, f"cannot be read: {error.strerror or error}") from error
    kind = "PDF" if content.startswith(b"%PDF-") else "text"
    if len(content) > LARGEST[kind]:
        found = f"has {len(content):,} bytes; at most {LARGEST[kind]:,} are read of a {kind} file"
        raise _refused(path, found)
    text = _pdf_text(content, path) if kind == "PDF" else _plain_text(content, path)
    if not text.strip():
        why = " (its pages may be pictures)" if kind == "PDF" else ""
        raise _refused(path, f"holds no text{why}; give the paper as a .txt file with its text")
    return text


def _plain_text(content: bytes, path: Path) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        found = f"is no PDF, and byte {error.start} is not UTF-8; save it as UTF-8 text"
        raise _refused(path, found) from error
    if "\0" in text:
        raise _refused(path, "is neither text nor a PDF; give the paper as a .txt or .pdf file")
    return text


def _pdf_text(content: bytes, path: Path) -> str:
    try:
        import pypdf  # extra: pdf
    except ImportError as error:
        raise MissingExtraError(
            f"{path} is a PDF, and pypdf, which reads those, is not installed; {INSTALL}, or give "
            "the paper as a .txt file"
        ) from error
    try:
        with _silenced("pypdf"):
            pages = pypdf.PdfReader(io.BytesIO(content)).pages
            if len(pages) > MOST_PAGES:
                raise _refused(path, f"has {len(pages):,} pages; at most {MOST_PAGES:,} are read")
            return "\n".join(page.extract_text() for page in pages)
    except DataError:
        raise
    # A damaged file makes pypdf raise whatever its parts raise: KeyError, RecursionError, ...
    except Exception as error:
        found = f"is no PDF that can be read ({type(error).__name__}: {error})"
        raise _refused(path, f"{found}; give the paper as a .txt file") from error


@contextlib.contextmanager
def _silenced(name: str) -> Iterator[None]:
    """No word of a logger about small faults that it mends by itself."""
    logger = logging.getLogger(name)
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def _refused(path: Path, found: str) -> DataError:
    return DataError(f"{path} {found}", file=path, line=None)
