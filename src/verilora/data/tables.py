"""Tables in files: CSV, TSV, JSONL, Parquet, each plain or gzipped, read row by row.

Knows columns, not what they mean. Every fault names the file and the line (from 1).
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
from pyarrow import parquet

from verilora.data.findings import Findings
from verilora.errors import DataError, nearest

GZIP_MAGIC = b"\x1f\x8b"
Row = tuple[int, tuple[Any, ...]]
Fields = tuple[int, list[str]]


def find_table(path: Path) -> Path:
    """The file `path`, or `path` with ".gz" behind it. Raises DataError with nearest names."""
    for candidate in (path, path.with_name(f"{path.name}.gz")):
        if candidate.is_file():
            return candidate
    if path.is_dir():
        raise DataError(f"{path} is a directory; a file is wanted", file=str(path), line=None)
    if not path.parent.is_dir():
        raise DataError(
            f"there is no directory {path.parent} (looked for {path.name} in it)",
            file=str(path),
            line=None,
        )
    names = sorted(item.name for item in path.parent.iterdir() if item.is_file())
    raise DataError(
        f"there is no file {path}{nearest(path.name, names)}", file=str(path), line=None
    )


def read_table(path: Path, columns: Sequence[str]) -> tuple[Iterator[Row], Findings]:
    """Every sound row as (line, values of `columns`), by the file's ending; lazily.

    .csv has quotes as RFC 4180 has them; in .tsv a quote is a plain character, as in
    text/tab-separated-values; .jsonl has one object a line; .parquet counts rows, not lines; .txt
    is one row with one column, "text": the whole file.
    The faults of single rows gather in the Findings; those of the whole file are DataErrors.
    """
    ending = path.name.lower().removesuffix(".gz").rpartition(".")[2]
    if ending not in _READERS:
        known = ", ".join(f".{name}" for name in _READERS)
        raise DataError(
            f"{path} ends in '.{ending}'; one of {known} is wanted, each also with .gz",
            file=str(path),
            line=None,
        )
    findings = Findings(path, row="row" if ending == "parquet" else "line")
    return _READERS[ending](findings, columns), findings


def read_tsv(
    findings: Findings,
    columns: Sequence[str],
    *,
    header: Sequence[str] | None = None,
    truncated: str | None = None,
) -> Iterator[Row]:
    """The rows of the findings' file: tab-separated, with quotes as plain characters.

    `header` names the columns of a file that has no header line. Rows with too few fields are
    faults, or dropped for the reason `truncated` if there is one.
    """
    rows = ((line, text.split("\t")) for line, text in _lines(findings))
    return _pick(rows, columns, findings=findings, header=header, truncated=truncated)


def _read_csv(findings: Findings, columns: Sequence[str]) -> Iterator[Row]:
    return _pick(_csv_records(findings), columns, findings=findings)


def _csv_records(findings: Findings) -> Iterator[Fields]:
    lines = (f"{text}\n" for _, text in _lines(findings))
    reader = csv.reader(lines, strict=True)
    while True:
        start = reader.line_num + 1
        try:
            yield start, next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            findings.fault(start, f"not readable as CSV ({error}); is a quote left open?")


def _pick(
    rows: Iterator[Fields],
    columns: Sequence[str],
    *,
    findings: Findings,
    header: Sequence[str] | None = None,
    truncated: str | None = None,
) -> Iterator[Row]:
    if header is None:
        _, header = next(rows, (1, []))
        findings.raise_faults()
        _check_header(header, columns, findings=findings)
    places = [header.index(column) for column in columns]
    blank: list[int] = []
    for line, fields in rows:
        if fields in ([], [""]):
            blank.append(line)
            continue
        _blank_inside(blank, findings)
        if len(fields) == len(header):
            yield line, tuple(fields[place] for place in places)
        elif truncated is not None and len(fields) < len(header):
            findings.drop(truncated)
        else:
            findings.fault(
                line, f"{len(fields)} fields; {len(header)} are wanted ({', '.join(header)})"
            )


def _check_header(header: Sequence[str], columns: Sequence[str], *, findings: Findings) -> None:
    listed = ", ".join(f"'{name}'" for name in header)
    for column in columns:
        if header.count(column) != 1:
            found = "no" if column not in header else "more than one"
            line = 1 if findings.row == "line" else None
            raise DataError(
                f"{findings.path}{', line 1' if line else ''}: {found} column '{column}'"
                f"{nearest(column, header)} (the file has {listed or 'nothing'})",
                file=str(findings.path),
                line=line,
                column=column,
            )


def _blank_inside(blank: list[int], findings: Findings) -> None:
    # Blank lines at the end of a file are no rows; one with rows after it is a row gone wrong.
    for line in blank:
        findings.fault(line, "the line is empty")
    blank.clear()


def _read_jsonl(findings: Findings, columns: Sequence[str]) -> Iterator[Row]:
    blank: list[int] = []
    for line, text in _lines(findings):
        if not text.strip():
            blank.append(line)
            continue
        _blank_inside(blank, findings)
        try:
            row = json.loads(text, parse_constant=_refuse_constant)
            _check_object(row, columns)
        except (ValueError, RecursionError) as error:
            findings.fault(line, str(error))
        else:
            yield line, tuple(row[column] for column in columns)


def _check_object(row: Any, columns: Sequence[str]) -> None:
    if not isinstance(row, dict):
        raise ValueError(f"a JSON object is wanted, and this is {type(row).__name__}")
    for column in columns:
        if column not in row:
            listed = ", ".join(f"'{name}'" for name in row)
            raise ValueError(f"no key '{column}'{nearest(column, row)} (the row has {listed})")
        if isinstance(row[column], str) and not _encodable(row[column]):
            raise ValueError(f"'{column}' holds half of a surrogate pair, which is no character")


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _read_txt(findings: Findings, columns: Sequence[str]) -> Iterator[Row]:
    _check_header(["text"], columns, findings=findings)
    text = "\n".join(line for _, line in _lines(findings))
    if text.strip():
        yield 1, (text,) * len(columns)


def _read_parquet(findings: Findings, columns: Sequence[str]) -> Iterator[Row]:
    path = findings.path
    with _told(path), _opened(path) as file:
        # Parquet is read from its end, which a gzip stream cannot do without starting over.
        source = io.BytesIO(file.read()) if isinstance(file, gzip.GzipFile) else file
        try:
            yield from enumerate(_parquet_values(source, columns, findings=findings), 1)
        except pa.ArrowException as error:
            raise DataError(
                f"{path} is not a whole Parquet file ({error})", file=str(path), line=None
            ) from error


def _parquet_values(
    source: BinaryIO, columns: Sequence[str], *, findings: Findings
) -> Iterator[tuple[Any, ...]]:
    table = parquet.ParquetFile(source)
    _check_header(table.schema_arrow.names, columns, findings=findings)
    for batch in table.iter_batches(columns=list(columns)):
        yield from zip(*(batch[name].to_pylist() for name in columns), strict=True)


_READERS: dict[str, Callable[[Findings, Sequence[str]], Iterator[Row]]] = {
    "csv": _read_csv,
    "tsv": read_tsv,
    "jsonl": _read_jsonl,
    "parquet": _read_parquet,
    "txt": _read_txt,
}


def _lines(findings: Findings) -> Iterator[tuple[int, str]]:
    """(line from 1, text without its end) by newline alone: texts may hold other separators."""
    with _told(findings.path), _opened(findings.path) as file:
        for number, raw in enumerate(file, 1):
            if number == 1:
                raw = raw.removeprefix(b"\xef\xbb\xbf")
            try:
                text = raw.decode("utf-8")
            except UnicodeDecodeError as error:
                byte = raw[error.start]
                hint = "; is it UTF-16?" if number == 1 and byte in (0xFF, 0xFE) else ""
                findings.fault(number, f"byte {byte:#04x} at {error.start} is not UTF-8{hint}")
                # The line still counts, so that those after it keep their numbers.
                text = raw.decode("utf-8", errors="replace")
            yield number, text.removesuffix("\n").removesuffix("\r")


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """The file's bytes, unpacked where they begin as gzip does, whatever the file is called."""
    with path.open("rb") as file:
        packed = file.read(2) == GZIP_MAGIC
        file.seek(0)
        if not packed:
            yield file
            return
        with gzip.GzipFile(fileobj=file) as unpacked:
            yield unpacked  # type: ignore[misc]


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            f"{path} is not a whole gzip file ({error}); fetch or write it again",
            file=str(path),
            line=None,
        ) from error
    except OSError as error:
        raise DataError(
            f"cannot read {path}: {error.strerror or error}", file=str(path), line=None
        ) from error
