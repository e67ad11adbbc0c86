"""Strict JSON: what two readers could take differently is refused, and told all at once."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verilora.errors import DataError
from verilora.records.canonical import canonical_bytes
from verilora.records.strict_json import DEEPEST, LONGEST, parse_strict, text_fault

LARGEST = 2**53 - 1
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-LARGEST, LARGEST)
    | st.floats(-LARGEST, LARGEST)
    | st.text(st.characters(min_codepoint=32, max_codepoint=126)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=8,
)


def faults_of(content: bytes | str) -> tuple[str, ...]:
    with pytest.raises(DataError) as caught:
        parse_strict(content.encode() if isinstance(content, str) else content)
    return caught.value.facts["faults"]


@settings(deadline=None, max_examples=60)
@given(PLAIN)
def test_reads_what_it_wrote(value: object) -> None:
    assert parse_strict(canonical_bytes(value)) == value


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "no JSON"),
        (" ", "no JSON"),
        ("{", "no JSON"),
        ("[1,]", "no JSON"),
        ('{"a":1,}', "no JSON"),
        ("{a:1}", "no JSON"),
        ("{'a':1}", "no JSON"),
        ('{"a":1} x', "no JSON"),
        ("[1] [2]", "no JSON"),
        ("[01]", "no JSON"),
        ("[.5]", "no JSON"),
        ("[1.]", "no JSON"),
        ("[+1]", "no JSON"),
        ("[0x10]", "no JSON"),
        ("[1e]", "no JSON"),
        ("[１]", "no JSON"),
        ("[\u00a01]", "no JSON"),
        ("// note\n1", "no JSON"),
        ('["a\tb"]', "no JSON"),
        ('["a\nb"]', "no JSON"),
        ('["\\x41"]', "no JSON"),
        ('["\\u00"]', "no JSON"),
        ("[True]", "no JSON"),
        ("[nan]", "no JSON"),
        ("[NaN]", "NaN is no number"),
        ("[-Infinity]", "-Infinity is no number"),
        ("[1e999]", "1e999 is beyond"),
        ("[9007199254740992]", "9007199254740992 is beyond"),
        ("[-9007199254740992]", "is beyond"),
        ("[1e16]", "1e16 is beyond"),
        ("[" + "9" * 5000 + "]", "is beyond"),
        ('{"a":1,"b":{"c":2,"c":3}}', "'c' stands twice"),
        ('{"a":1,"\\u0061":2}', "'a' stands twice"),
        ('["\\ud800"]', "surrogate"),
        ('["\\udc00\\ud800"]', "surrogate"),
        ('["\\u0000"]', "U+0000"),
        ('["line\\nline"]', "U+000A"),
        ('["\\u007f"]', "U+007F"),
        ('["\\u0085"]', "U+0085"),
        ('["abc\\u202edef"]', "U+202E"),
        ('["\\u2066"]', "U+2066"),
        ('["\\u2028"]', "U+2028"),
        ('["e\\u0301"]', "NFC"),
        ('{"\\u202a":1}', "the key"),
        ("\ufeff{}", "byte order mark"),
        (b"\xff\xfe{\x00}\x00", "not UTF-8"),
        (b'["\xed\xa0\x80"]', "not UTF-8"),
        (b'["\xc0\xaf"]', "not UTF-8"),
        ("[" * 33 + "]" * 33, "levels deep"),
        ("[" * 100_000, "levels deep"),
        ('{"a":' * 40 + "1" + "}" * 40, "levels deep"),
    ],
)
def test_refuses(content: bytes | str, told: str) -> None:
    assert any(told in fault for fault in faults_of(content))


def test_the_edges_are_allowed() -> None:
    assert parse_strict(f"[{LARGEST},{-LARGEST}]".encode()) == [LARGEST, -LARGEST]
    assert parse_strict(b"[" * DEEPEST + b"]" * DEEPEST)
    assert parse_strict('["[[[[{\\"", "é – ± ﬁ", "\\ud83d\\ude00"]'.encode())[2] == "😀"
    assert parse_strict(b'{"a":{"x":1},"b":{"x":1}}') == {"a": {"x": 1}, "b": {"x": 1}}
    assert parse_strict(b'"' + b"a" * (LONGEST - 2) + b'"')
    assert "bytes" in faults_of(b'"' + b"a" * (LONGEST - 1) + b'"')[0]


def test_brackets_inside_texts_are_not_counted() -> None:
    text = '"' + "[" * 500 + '\\"' + "{" * 500 + '"'
    assert parse_strict(text.encode()) == json.loads(text)


def test_all_faults_are_told_with_their_places() -> None:
    content = '{"a":NaN,"a":1e400,"b":{"c":["x","\\u0007"]},"d":"e\\u0301"}'
    faults = faults_of(content)
    assert len(faults) == 5
    assert any("b.c[1]" in fault for fault in faults)


def test_the_line_of_a_slip_is_told() -> None:
    with pytest.raises(
        DataError, match=r"claim\.json: it is no JSON: .* \(line 3, column 1\)"
    ) as e:
        parse_strict(b'{\n"a": 1\n"b": 2}', name="claim.json")
    assert e.value.facts["line"] == 3
    assert e.value.facts["file"] == "claim.json"


@pytest.mark.parametrize("content", ['"' + '\\"' * 120_000, "[" * 32 + '"' * 200_000])
def test_hostile_bytes_are_refused_quickly(content: str) -> None:
    start = time.perf_counter()
    assert faults_of(content)
    assert time.perf_counter() - start < 2


def test_text_fault() -> None:
    assert text_fault("RoBERTa base 89.7 ± .7 – “fine”") is None
    assert "NFC" in (text_fault("e\u0301") or "")
