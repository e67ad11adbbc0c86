from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from verilora.data.findings import Findings
from verilora.data.tables import find_table, read_table, read_tsv
from verilora.errors import DataError

COLUMNS = ("text", "label")
ROWS = [('He said "so", then\u2028left', "1"), ("plain", "0"), ("tärn \U0001f600", "1")]

# Any text a field may hold: no tab, no line end; surrogates are no characters.
FIELDS = st.text(st.characters(exclude_characters="\t\r\n", exclude_categories=["Cs"]), min_size=1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


def as_csv(rows: list[tuple[str, str]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows([COLUMNS, *rows])
    return out.getvalue().encode()


def as_tsv(rows: list[tuple[str, str]]) -> bytes:
    return "".join("\t".join(row) + "\n" for row in [COLUMNS, *rows]).encode()


def as_jsonl(rows: list[tuple[str, str]]) -> bytes:
    return "".join(json.dumps(dict(zip(COLUMNS, row, strict=True))) + "\n" for row in rows).encode()


def as_parquet(rows: list[tuple[str, str]]) -> bytes:
    out = io.BytesIO()
    columns = [list(column) for column in zip(*rows, strict=True)]
    parquet.write_table(pa.table(dict(zip(COLUMNS, columns, strict=True))), out)
    return out.getvalue()


FORMATS = {"csv": as_csv, "tsv": as_tsv, "jsonl": as_jsonl, "parquet": as_parquet}
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def put(content: bytes, name: str = "a.tsv") -> Path:
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    return put


def read(path: Path, columns: tuple[str, ...] = COLUMNS) -> list[tuple[int, tuple[Any, ...]]]:
    rows, findings = read_table(path, columns)
    found = list(rows)
    findings.raise_faults()
    return found


def fault(path: Path, columns: tuple[str, ...] = COLUMNS) -> DataError:
    with pytest.raises(DataError) as caught:
        read(path, columns)
    return caught.value


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gz"])
@pytest.mark.parametrize("ending", FORMATS)
def test_every_format_gives_the_same_rows(write: Write, ending: str, packed: bool) -> None:
    content = FORMATS[ending](ROWS)
    if packed:
        content = gzip.compress(content)
    path = write(content, f"a.{ending}{'.gz' if packed else ''}")
    first = 1 if ending in ("jsonl", "parquet") else 2
    assert read(path) == [(line, row) for line, row in enumerate(ROWS, first)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(rows=st.lists(st.tuples(FIELDS, FIELDS), min_size=1, max_size=5))
def test_tsv_gives_back_what_was_written(write: Write, rows: list[tuple[str, str]]) -> None:
    assert [values for _, values in read(write(as_tsv(rows)))] == rows


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(rows=st.lists(st.tuples(TEXTS, FIELDS), min_size=1, max_size=5))
@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_other_formats_hold_any_text(
    write: Write, ending: str, rows: list[tuple[str, str]]
) -> None:
    assert [v for _, v in read(write(FORMATS[ending](rows), f"a.{ending}"))] == rows


def test_csv_records_may_span_lines_and_keep_their_first_lines_number(write: Write) -> None:
    path = write(b'text,label\n"two\nlines",1\nplain,0\n', "a.csv")
    assert read(path) == [(2, ("two\nlines", "1")), (4, ("plain", "0"))]


def test_quotes_are_plain_characters_in_tsv(write: Write) -> None:
    path = write(b'text\tlabel\n"open\t1\nnot "" closed"\t0\n')
    assert [v for _, v in read(path)] == [('"open', "1"), ('not "" closed"', "0")]


def test_mark_and_line_ends_of_windows_are_no_text(write: Write) -> None:
    assert read(write(b"\xef\xbb\xbftext\tlabel\r\na\t1\r\n")) == [(2, ("a", "1"))]
    assert read(write(b"\xef\xbb\xbftext,label\r\na,1\r\n", "a.csv")) == [(2, ("a", "1"))]


def test_gzip_is_known_by_its_bytes_not_by_its_name(write: Write) -> None:
    assert read(write(gzip.compress(as_tsv(ROWS)), "a.tsv"))[0][1] == ROWS[0]
    assert read(write(as_tsv(ROWS), "b.tsv.gz"))[0][1] == ROWS[0]


def test_a_file_without_a_header_has_its_columns_named(write: Write) -> None:
    findings = Findings(write(b"x\t1\ty\n"))
    assert list(read_tsv(findings, ("c", "a"), header=("a", "b", "c"))) == [(1, ("y", "x"))]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"text\tlabel\na\t1\nb\n", "line 3: 1 fields; 2 are wanted (text, label)"),
        (b"text\tlabel\na\t1\tc\n", "line 2: 3 fields; 2 are wanted (text, label)"),
        (b"text\tlabel\na\t1\n\nb\t0\n", "line 3: the line is empty"),
        (b"text\tlabel\na\xff\t1\n", "line 2: byte 0xff at 1 is not UTF-8"),
        ("text\tlabel\na\t1\n".encode("utf-16"), "not UTF-8; is it UTF-16?"),
    ],
)
def test_bad_rows_are_told_with_their_line(write: Write, content: bytes, said: str) -> None:
    assert said in str(fault(write(content, "bad.tsv")))


def test_blank_lines_at_the_end_are_no_rows(write: Write) -> None:
    assert len(read(write(as_tsv(ROWS) + b"\n\r\n"))) == len(ROWS)
    assert len(read(write(as_jsonl(ROWS) + b"\n \n", "a.jsonl"))) == len(ROWS)
    assert len(read(write(as_csv(ROWS) + b"\n\n", "a.csv"))) == len(ROWS)


def test_rows_cut_short_are_dropped_where_that_is_known(write: Write) -> None:
    findings = Findings(write(b"text\tlabel\na\nb\t1\n"))
    assert list(read_tsv(findings, COLUMNS, truncated="cut")) == [(3, ("b", "1"))]
    assert findings.dropped == {"cut": 1}
    findings = Findings(write(b"text\tlabel\na\tb\tc\n"))
    assert list(read_tsv(findings, COLUMNS, truncated="cut")) == []
    with pytest.raises(DataError, match="3 fields"):
        findings.raise_faults()


@pytest.mark.parametrize("ending", FORMATS)
def test_a_missing_column_is_told_with_those_that_are_there(write: Write, ending: str) -> None:
    error = fault(write(FORMATS[ending](ROWS), f"a.{ending}"), ("text", "lable"))
    assert "'lable'; did you mean 'label'?" in str(error)
    assert "'text', 'label'" in str(error)
    assert error.facts["file"].endswith(f"a.{ending}")


def test_a_column_that_is_there_twice_is_refused(write: Write) -> None:
    error = fault(write(b"text\tlabel\ttext\na\t1\tb\n"))
    assert "line 1: more than one column 'text'" in str(error)
    assert error.facts["line"] == 1


def test_an_empty_file_has_no_columns(write: Write) -> None:
    assert "no column 'text' (the file has nothing)" in str(fault(write(b"")))


def test_csv_that_is_none(write: Write) -> None:
    error = fault(write(b'text,label\na,1\n"open,1\nb,0\n', "a.csv"))
    assert "line 3: not readable as CSV" in str(error)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("[1]", "a JSON object is wanted, and this is list"),
        ("{", "line 2: Expecting"),
        ('{"text": "a", "label": NaN}', "NaN is no JSON"),
        ('{"text": "\\ud800", "label": 1}', "half of a surrogate pair"),
        ("[" * 100_000, "line 2: "),
    ],
    ids=["list", "cut", "nan", "surrogate", "deep"],
)
def test_lines_that_are_no_objects(write: Write, line: str, said: str) -> None:
    good = '{"text": "a", "label": 1}\n'
    assert said in str(fault(write(f"{good}{line}\n{good}".encode(), "a.jsonl")))


@pytest.mark.parametrize("ending", ["tsv", "parquet"])
def test_a_gzip_file_cut_short(write: Write, ending: str) -> None:
    packed = gzip.compress(FORMATS[ending](ROWS * 500))
    error = fault(write(packed[: len(packed) // 2], f"a.{ending}.gz"))
    assert "is not a whole gzip file" in str(error)


def test_a_parquet_file_that_is_none(write: Write) -> None:
    content = as_parquet(ROWS)
    assert "not a whole Parquet file" in str(fault(write(content[:-9], "a.parquet")))
    assert "not a whole Parquet file" in str(fault(write(b"text", "a.parquet")))


def test_an_ending_that_says_nothing(write: Write) -> None:
    error = fault(write(b"", "a.xlsx"))
    assert "ends in '.xlsx'; one of .csv, .tsv, .jsonl, .parquet, .txt is wanted" in str(error)


def test_find_table_takes_the_packed_one_too(write: Write, tmp_path: Path) -> None:
    packed = write(b"", "a.tsv.gz")
    assert find_table(tmp_path / "a.tsv") == packed
    plain = write(b"", "a.tsv")
    assert find_table(tmp_path / "a.tsv") == plain


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tran.tsv", "did you mean 'train.tsv'"),
        ("nowhere/a.tsv", "there is no directory"),
        (".", "is a directory"),
    ],
)
def test_a_file_that_is_not_there(write: Write, tmp_path: Path, name: str, said: str) -> None:
    write(b"", "train.tsv")
    with pytest.raises(DataError, match=said):
        find_table(tmp_path / name)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot read"):
        read(tmp_path / "gone.tsv")


def test_a_text_file_is_one_text(write: Write) -> None:
    path = write("\ufeffOne \ttäb.\r\n\n  Two.\n".encode(), "a.txt")
    rows, findings = read_table(path, ("text",))
    assert list(rows) == [(1, ("One \ttäb.\n\n  Two.",))]
    findings.raise_faults()
    assert list(read_table(write(b"\n \n", "b.txt"), ("text",))[0]) == []
    with pytest.raises(DataError, match=r"no column 'completion' .the file has 'text'."):
        list(read_table(path, ("text", "completion"))[0])
