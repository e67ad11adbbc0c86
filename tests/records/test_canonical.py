"""Canonical bytes: RFC 8785, so that anybody's tool finds the same digest."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from verilora.records.canonical import canonical_bytes, digest_bytes, digest_of

steady = settings(max_examples=60, deadline=None, derandomize=True)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53) + 1, 2**53 - 1),
    # Past 2^53 a whole float is written as a whole number that strict readers refuse.
    st.floats(-(2**53) + 1, 2**53 - 1),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


def test_the_example_of_the_standard() -> None:
    # RFC 8785, section 3.2.2 (input) and 3.2.3 (sorted output).
    value = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 1e-27],
        "string": '\u20ac$\u000f\nA\'B"\\\\"/',
        "literals": [None, True, False],
    }
    assert canonical_bytes(value) == (
        b'{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        b'"string":"\xe2\x82\xac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )


def test_keys_are_sorted_by_utf_16_units() -> None:
    # An emoji's first UTF-16 unit (d83d) comes before U+FB33, although its code point is larger.
    keys = {"\ufb33": 1, "\U0001f602": 2, "a": 3, "\r": 4}
    assert list(json.loads(canonical_bytes(keys))) == ["\r", "a", "\U0001f602", "\ufb33"]


@steady
@given(trees)
def test_reads_back_and_has_one_form(value: Any) -> None:
    content = canonical_bytes(value)
    again = json.loads(content)
    assert again == value
    assert canonical_bytes(again) == content


@steady
@given(st.dictionaries(texts, scalars, min_size=2, max_size=5))
def test_order_of_keys_decides_nothing(value: dict[str, Any]) -> None:
    assert digest_of(value) == digest_of(dict(reversed(value.items())))


def test_whole_floats_and_whole_numbers_are_one() -> None:
    assert digest_of({"alpha": 16}) == digest_of({"alpha": 16.0})
    assert digest_of([0.0]) == digest_of([-0.0])


@pytest.mark.parametrize("value", [math.nan, math.inf, 2**53, "\ud800", {1: 2}, {1, 2}, b"x"])
def test_refuses_what_json_cannot_hold(value: Any) -> None:
    with pytest.raises(ValueError):
        canonical_bytes(value)


def test_digest_is_that_of_the_bytes() -> None:
    assert digest_of({}) == digest_bytes(b"{}")


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.recursive(
        st.one_of(scalars, st.floats(), st.floats(-1e-3, 1e-3), st.integers(), st.text(max_size=3)),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.tuples(inner)
            | st.dictionaries(texts | st.text("ab\ud800", max_size=2), inner, max_size=3)
        ),
        max_leaves=6,
    )
)
def test_the_quick_way_writes_what_the_slow_one_does(value: Any) -> None:
    try:
        wanted = rfc8785.dumps(value)
    except ValueError as fault:
        with pytest.raises(type(fault)):
            canonical_bytes(value)
    else:
        assert canonical_bytes(value) == wanted


@pytest.mark.parametrize(
    "value", [-0.0, 1e15 + 0.5, 1e16, 1e21, 1e-4, 9.9e-5, 1e-6, 1e-7, 5e-324, "\x7f\u2028\b\x1f"]
)
def test_numbers_and_signs_at_the_edge_are_those_of_the_standard(value: Any) -> None:
    assert canonical_bytes([value]) == rfc8785.dumps([value])
