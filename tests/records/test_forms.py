"""Forms: what a caller or a file gives, in the one form in which a config keeps it."""

from __future__ import annotations

from typing import Any

import pytest

from verilora.records.forms import LARGEST, form_of, plain


@pytest.mark.parametrize(
    ("field", "given", "kept"),
    [
        ("alpha", 16.0, 16),
        ("alpha", 0.5, 0.5),
        ("alpha", float(2**60), float(2**60)),
        ("dropout", 0, 0.0),
        ("target_modules", ["query", "value"], ("query", "value")),
        ("target_modules", "all-linear", "all-linear"),
        ("target_modules", {"b", "a"}, ("a", "b")),
        ("target_modules", None, ()),
        ("exclude_modules", None, None),
        ("modules_to_save", "classifier", ("classifier",)),
        ("modules_to_save", (name for name in ["a", "b"]), ("a", "b")),
        ("layers", range(2), (0, 1)),
        ("layers", 3, 3),
        ("fused", {"c_attn": ["q", "v"]}, {"c_attn": ("q", "v")}),
        ("fused_sizes", {"c_attn": [["q", 2], ["k", 1]]}, {"c_attn": {"q": 2, "k": 1}}),
        ("rank", 8.0, 8.0),
    ],
)
def test_form(field: str, given: Any, kept: Any) -> None:
    form = form_of(field, given)
    assert form == kept
    assert type(form) is type(kept) or not isinstance(kept, int | float)


def test_patterns_stand_longest_first() -> None:
    form = form_of("rank_pattern", {"value": 1, "query": 2, "layer.0.query": 3})
    assert list(form) == ["layer.0.query", "query", "value"]


def test_leaves_alone_what_it_does_not_understand() -> None:
    for odd in (5, "text", [1], {"c_attn": 3}, {"c_attn": [["q"]]}, {"c_attn": [["q", 1]] * 2}):
        assert plain(form_of("fused_sizes", odd)) == odd


def test_plain_gives_json_data() -> None:
    form = form_of("fused", {"c_attn": ["q", "v"]})
    assert plain(form) == {"c_attn": ["q", "v"]}


def test_largest_is_the_last_whole_number_before_a_float_skips_one() -> None:
    assert float(LARGEST) == LARGEST
    assert float(LARGEST + 2) != LARGEST + 2
