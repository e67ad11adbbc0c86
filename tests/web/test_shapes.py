"""Shapes: camelCase outside, nothing that is not known."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from verilora.web.shapes import SourceShape, VerifyAnswer

SOURCE = {"ordinal": 1, "type": "docs", "publisher": "p", "title": "t", "url": "https://x.example"}


def test_keys_are_camel_case_and_what_is_not_known_is_left_out() -> None:
    told = SourceShape(**SOURCE, published_date="2021-06-17").to_mapping()
    assert told == {**SOURCE, "publishedDate": "2021-06-17"}
    with pytest.raises(ValidationError):
        SourceShape(**SOURCE, other=1)


def test_no_answer_can_call_likeness_anything_else() -> None:
    with pytest.raises(ValidationError):
        VerifyAnswer(claim="a", min_confidence=0.5, matches=(), note="", relation="same")
