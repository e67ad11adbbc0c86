"""The public suite of JSON texts: what it says must be refused is, and a little more."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path

import pytest

from verilora.errors import DataError
from verilora.records.strict_json import parse_strict

VECTORS = Path(__file__).parents[1] / "vectors" / "json.json.gz"
ROWS = json.loads(gzip.decompress(VECTORS.read_bytes()))
CASES = {name: base64.b64decode(text) for name, text in ROWS}
NARROWER = {
    "y_number": "beyond 2^53 - 1",
    "y_number_real_capital_e": "beyond 2^53 - 1",
    "y_number_real_exponent": "beyond 2^53 - 1",
    "y_number_real_fraction_exponent": "beyond 2^53 - 1",
    "y_object_extreme_numbers": "beyond 2^53 - 1",
    "y_object_duplicated_key": "a key twice",
    "y_object_duplicated_key_and_value": "a key twice",
    "y_object_escaped_null_in_key": "a control character",
    "y_string_allowed_escapes": "a control character",
    "y_string_escaped_control_character": "a control character",
    "y_string_null_escape": "a control character",
    "y_string_uescaped_newline": "a control character",
    "y_string_unescaped_char_delete": "a control character",
    "y_string_with_del_character": "a control character",
    "y_string_u+2028_line_sep": "a line separator",
    "y_string_u+2029_par_sep": "a paragraph separator",
}
"""JSON that is refused on purpose, and what it holds."""


def accepted(content: bytes) -> bool:
    try:
        parse_strict(content)
    except DataError:
        return False
    return True


def named(kind: str) -> list[str]:
    return [name for name in CASES if name.startswith(f"{kind}_")]


def test_the_suite_is_whole() -> None:
    assert [len(named(kind)) for kind in "nyi"] == [188, 95, 35]


@pytest.mark.parametrize("name", named("n"))
def test_what_is_no_json_is_refused(name: str) -> None:
    assert not accepted(CASES[name])


def test_json_is_read_but_for_what_is_refused_on_purpose() -> None:
    assert {name for name in named("y") if not accepted(CASES[name])} == set(NARROWER)


def test_where_readers_may_differ_each_answer_is_a_sentence() -> None:
    # Two numbers too small for a float are nothing to all readers; the rest has two meanings.
    read = {name for name in named("i") if accepted(CASES[name])}
    assert read == {"i_number_double_huge_neg_exp", "i_number_real_underflow"}
