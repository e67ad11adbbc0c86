"""Records that come out as they came in, and scalars that are nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from verilora.records.given import AsGiven, Count, Digest, Flag, Number, Share, Text, Whole


class Thing(AsGiven):
    name: Text | None = None
    size: Number | None = None
    parts: tuple[Text, ...] = ()


class Scalars(AsGiven):
    number: Number = 0.0
    whole: Whole = 0
    count: Count = 1
    share: Share = 0.0
    flag: Flag = False
    sha: Digest = "sha256:" + "0" * 64


def test_keys_left_out_stay_out_and_null_stays_null() -> None:
    for given in ({}, {"name": None}, {"name": "a", "size": 2.5}, {"parts": ["x"], "size": None}):
        assert Thing.model_validate(given).to_mapping() == given


def test_left_out_is_not_null() -> None:
    left_out, null = Thing(), Thing(name=None)
    assert left_out != null
    assert left_out.digest != null.digest
    assert (left_out.says("name"), null.says("name")) == (False, True)
    assert len({left_out, null, Thing()}) == 2


def test_a_whole_number_reads_the_same_in_either_form() -> None:
    assert Thing(size=72) == Thing(size=72.0)
    assert Thing(size=72).canonical() == b'{"size":72}'


def test_replace_keeps_what_was_left_out() -> None:
    changed = Thing(name="a").replace(name="b")
    assert changed.to_mapping() == {"name": "b"}
    with pytest.raises(ValidationError):
        changed.replace(size="large")


@pytest.mark.parametrize(
    "wrong",
    [
        {"number": "89.7"},
        {"number": True},
        {"number": float("nan")},
        {"number": 2.0**53},
        {"whole": 1.5},
        {"whole": -1},
        {"whole": True},
        {"count": 0},
        {"share": 1.01},
        {"flag": 1},
        {"flag": "true"},
        {"sha": "sha256:00"},
        {"sha": "sha256:" + "G" * 64},
        {"sha": "sha256:" + "0" * 64 + "\n"},
    ],
)
def test_no_type_passes_for_another(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Scalars.model_validate(wrong)


@pytest.mark.parametrize("text", ["a\nb", "\u202e", "e\u0301", "\x00"])
def test_text_that_hides_something_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="the text"):
        Thing(name=text)
