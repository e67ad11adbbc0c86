"""Moments: one form that sorts, never later than the admission."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from verilora.registry.moments import read, told

NOW = "2026-11-22T01:30:00.000000Z"


def test_every_moment_has_one_form() -> None:
    east = timezone(timedelta(hours=2))
    assert told(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) == "2026-01-02T03:04:05.000000Z"
    assert told(datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=east)) == "2026-01-02T01:04:05.000006Z"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-05-14T23:40:53.397Z", "2026-05-14T23:40:53.397000Z"),
        ("2026-05-14T23:40:53+02:00", "2026-05-14T21:40:53.000000Z"),
        ("2026-05-14", "2026-05-14T00:00:00.000000Z"),
        ("2027-01-01T00:00:00Z", NOW),
        ("yesterday", NOW),
        ("", NOW),
        (None, NOW),
        ("0001-01-01T00:00:00+14:00", NOW),
    ],
)
def test_moments_of_others_are_read_and_none_lies_ahead(text: str | None, wanted: str) -> None:
    assert read(text, NOW) == wanted
