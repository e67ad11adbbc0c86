"""Moments as text that sorts: UTC to the microsecond, `2026-11-22T01:30:00.000000Z`."""

from __future__ import annotations

from datetime import UTC, datetime


def told(moment: datetime) -> str:
    """The moment's text."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def read(text: str | None, otherwise: str) -> str:
    """A moment as another wrote it, in our form; `otherwise` for what is none, or later than it.

    So a record that says it comes from the future is as old as its admission. A date alone is its
    first moment; without a zone it is UTC.
    """
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return otherwise
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    try:
        return min(told(found), otherwise)
    except OverflowError:
        return otherwise
