"""A measured value held against what is expected of it: healthy, drift, or no data."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime

from verilora.anchors.catalog import FILE
from verilora.anchors.measure import Measured
from verilora.records.anchor import Anchor, AnchorResult, Expectation, Found, State, is_within


def judge(anchor: Anchor, measured: Measured, *, seconds: float | None = None) -> AnchorResult:
    """The anchor's result. A run that broke is drift; what nobody recorded yet is no data."""
    expected = None if measured.where is None else anchor.expected(measured.where)
    state, detail = _state(anchor, measured, expected=expected)
    return AnchorResult(
        name=anchor.name,
        title=anchor.title,
        measured=anchor.measured,
        unit=anchor.unit,
        where=measured.where,
        latest=measured.latest,
        expected=expected and expected.value,
        tolerance=expected and expected.tolerance,
        source=expected and expected.source,
        state=state,
        detail=_line(detail),
        seconds=None if measured.lacks else seconds,
        environment=measured.run.environment if measured.run else {},
        computed_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _state(
    anchor: Anchor, measured: Measured, *, expected: Expectation | None
) -> tuple[State, str]:
    if measured.lacks:
        return "no data", measured.lacks
    if measured.broke or measured.latest is None:
        return "drift", f"the run broke: {measured.broke}"
    if expected is None:
        return "no data", _unrecorded(anchor, measured)
    return compare(measured.latest, expected)


def compare(latest: Found, expected: Expectation) -> tuple[State, str]:
    """Whether the value is what is expected, and the sentence that says so."""
    healthy = is_within(latest, expected.value, tolerance=expected.tolerance)
    if isinstance(latest, str) or isinstance(expected.value, str):
        if healthy:
            return "healthy", "every bit is as expected"
        return "drift", (
            f"the digest is {latest}, not {expected.value}: something that the bits depend on "
            "has changed; find out what before judging by them"
        )
    difference, tolerance = latest - expected.value, expected.tolerance or 0.0
    told = (
        f"{latest:.2f} is {abs(difference):.2f} {'below' if difference < 0 else 'above'} the "
        f"expected {expected.value:g}, and {tolerance:g} is the tolerance"
    )
    return ("healthy", told) if healthy else ("drift", f"{told}: find out why before judging by it")


def _unrecorded(anchor: Anchor, measured: Measured) -> str:
    value = f'"{measured.latest}"' if isinstance(measured.latest, str) else f"{measured.latest:.2f}"
    return (
        f"{measured.latest} came out, and nothing is recorded for {measured.where}; if it comes "
        "out again in a fresh process, add { "
        f'where = "{measured.where}", value = {value}, source = "..." }} to the expectations of '
        f"{anchor.name} in verilora/anchors/{FILE}"
    )


def _line(text: str) -> str:
    """One line that may be shown anywhere."""
    plain = unicodedata.normalize("NFC", " ".join(text.split()))
    return "".join(letter if letter.isprintable() else "?" for letter in plain)
