"""Every pattern says in words what it wants, and what its words give as an example fits it."""

from __future__ import annotations

import re

import pytest

from verilora.errors import DataError
from verilora.records import patterns
from verilora.records.notice import Notice
from verilora.records.patterns import DAY, MOMENT, PREDICATE, RULE, SLUG, WANTED
from verilora.records.reading import record_of


def test_every_pattern_has_words() -> None:
    held = {value for name, value in vars(patterns).items() if name.isupper() and name != "WANTED"}
    assert held == set(WANTED)


@pytest.mark.parametrize("pattern", [DAY, MOMENT, PREDICATE, RULE, SLUG])
def test_the_example_fits(pattern: str) -> None:
    example = WANTED[pattern].rsplit(" as ", 1)[1]
    assert re.fullmatch(pattern, example)


def test_the_words_are_what_a_reader_is_told() -> None:
    given = {"kind": "dispute", "about": "sha256:", "reason": "no", "made_at": "yesterday"}
    with pytest.raises(DataError) as told:
        record_of(Notice, given)
    assert "made_at is 'yesterday'; wanted: a time in UTC, as 2026-05-16T00:00:00Z" in str(
        told.value
    )
    assert "wanted: 'sha256:' and 64 small hex digits" in str(told.value)


@pytest.mark.parametrize(
    "moment", ["2026-02-30T00:00:00Z", "٢٠٢٦-01-01T00:00:00Z", "2026-01-01T25:00:00Z"]
)
def test_a_moment_that_never_was_is_refused(moment: str) -> None:
    given = {"kind": "dispute", "about": "sha256:" + "0" * 64, "reason": "no", "made_at": moment}
    with pytest.raises(DataError, match="made_at"):
        record_of(Notice, given)
