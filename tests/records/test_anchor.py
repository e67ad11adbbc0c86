from __future__ import annotations

import json
from typing import Any

import pytest

from verilora.errors import DataError
from verilora.records.anchor import (
    Anchor,
    AnchorReport,
    AnchorResult,
    Expectation,
    read_report,
)

BITS = f"sha256:{'a' * 64}"
OTHER_BITS = f"sha256:{'b' * 64}"


def expectation(**changes: Any) -> dict[str, Any]:
    return {
        "where": "anywhere",
        "value": 77.2,
        "tolerance": 1.5,
        "source": "three seeds",
        **changes,
    }


def anchor(*expectations: dict[str, Any], **changes: Any) -> Anchor:
    given = {"name": "demo", "title": "The demo", "measured": "accuracy", "unit": "percent"}
    return Anchor.model_validate({**given, "expectations": list(expectations), **changes})


def result(**changes: Any) -> AnchorResult:
    given = {
        "name": "demo",
        "title": "The demo",
        "measured": "accuracy",
        "unit": "percent",
        "where": "anywhere",
        "latest": 77.1,
        "expected": 77.2,
        "tolerance": 1.5,
        "source": "three seeds",
        "state": "healthy",
        "detail": "0.1 below",
        "seconds": 80.5,
        "environment": {"torch": "2.13.0"},
        "computed_at": "2026-11-22T00:00:00+00:00",
    }
    return AnchorResult.model_validate({**given, **changes})


def test_the_place_itself_comes_before_anywhere() -> None:
    found = anchor(expectation(), expectation(where="here", value=80))
    assert found.expected("here") == Expectation(**expectation(where="here", value=80))
    assert found.expected("there") == Expectation(**expectation())
    assert anchor(expectation(where="here")).expected("there") is None
    assert anchor().expected("here") is None


@pytest.mark.parametrize(
    ("unit", "wrong", "told"),
    [
        ("percent", expectation(value=BITS, tolerance=None), "a number and a tolerance"),
        ("percent", expectation(tolerance=None), "a number and a tolerance"),
        ("digest", expectation(), "a digest and no tolerance"),
        ("digest", expectation(value=BITS), "a digest and no tolerance"),
        ("percent", expectation(tolerance=-1), "greater than or equal to 0"),
        ("percent", expectation(value="77.2"), "pattern"),
        ("percent", expectation(value=True), "valid"),
        ("percent", expectation(why="?"), "Extra inputs"),
    ],
)
def test_what_cannot_be_compared_is_refused(unit: str, wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        anchor(wrong, unit=unit)


def test_two_expectations_for_one_place_are_refused() -> None:
    with pytest.raises(ValueError, match="same place"):
        anchor(expectation(), expectation(value=3))


@pytest.mark.parametrize("name", ["", "Tiny Bits", "a_b", "-a", "../a"])
def test_a_name_is_a_slug(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        anchor(name=name)


@pytest.mark.parametrize("missing", ["latest", "expected"])
def test_nothing_is_healthy_without_values(missing: str) -> None:
    with pytest.raises(ValueError, match="healthy without"):
        result(**{missing: None})
    assert result(**{missing: None}, state="no data").state == "no data"


def test_a_report_gives_states_and_takes_the_latest_result() -> None:
    first = AnchorReport(results=(result(), result(name="bits", state="no data")))
    assert first.states() == {"demo": "healthy", "bits": "no data"}
    later = first.with_result(result(state="drift")).with_result(result(name="new"))
    assert later.states() == {"demo": "drift", "bits": "no data", "new": "healthy"}
    with pytest.raises(ValueError, match="two results"):
        AnchorReport(results=(result(), result()))


def test_a_report_comes_back_from_its_bytes() -> None:
    both = (result(), result(name="bits", unit="digest", latest=BITS, expected=BITS))
    report = AnchorReport(results=both)
    assert read_report(report.canonical()) == report


def test_a_file_that_is_no_report_is_told() -> None:
    plain = AnchorReport(results=(result(),)).to_mapping()
    with pytest.raises(DataError, match=r"x\.json.*unknown key 'result'; did you mean 'results'"):
        read_report(json.dumps({"format": plain["format"], "result": []}).encode(), name="x.json")
    plain["results"][0]["state"] = "fine"
    with pytest.raises(DataError, match="state"):
        read_report(json.dumps(plain).encode())


@pytest.mark.parametrize(
    "changes",
    [
        {"latest": 70.0},
        {"latest": 77.1, "tolerance": None},
        {"latest": BITS, "expected": OTHER_BITS, "tolerance": None, "unit": "digest"},
    ],
)
def test_a_drift_is_not_called_healthy(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="is called healthy, and"):
        result(**changes)
    assert result(**{**changes, "state": "drift"}).state == "drift"
