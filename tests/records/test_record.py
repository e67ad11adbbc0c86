"""Record: closed, frozen, finite, one byte form and one digest."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from pydantic import ValidationError

from verilora.records.record import Growing, Record


class Point(Record):
    x: float
    label: str = ""


class Line(Record):
    points: tuple[Point, ...]


def test_unknown_keys_are_refused() -> None:
    with pytest.raises(ValidationError, match="y"):
        Point.model_validate({"x": 1, "y": 2})


@pytest.mark.parametrize("value", ["nan", float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_refused(value: Any) -> None:
    with pytest.raises(ValidationError, match="finite"):
        Point(x=value)


def test_cannot_be_changed() -> None:
    point = Point(x=1)
    with pytest.raises(ValidationError, match="frozen"):
        point.x = 2  # type: ignore[misc]
    assert point.x == 1


def test_bytes_and_digest_depend_on_content_alone() -> None:
    line = Line(points=(Point(x=1, label="é"),))
    same = Line.model_validate({"points": [{"label": "é", "x": 1.0}]})
    assert line.canonical() == '{"points":[{"label":"é","x":1}]}'.encode()
    assert same.digest == line.digest
    assert line.replace(points=()).digest != line.digest


def test_reads_back_from_its_bytes() -> None:
    line = Line(points=(Point(x=0.1), Point(x=-2)))
    assert Line.model_validate_json(line.canonical()) == line


def test_replace_checks_again_and_leaves_the_old_one() -> None:
    point = Point(x=1)
    assert point.replace(x=2) == Point(x=2)
    assert point == Point(x=1)
    for wrong in ({"x": "far"}, {"z": 1}):
        with pytest.raises(ValidationError):
            point.replace(**wrong)


class _Grown(Growing):
    LATER: ClassVar[frozenset[str]] = frozenset({"shade"})

    colour: str = "red"
    shade: str | None = None


class _Holder(Record):
    inner: _Grown = _Grown()


def test_a_later_field_at_its_default_changes_no_bytes() -> None:
    assert _Holder().canonical() == b'{"inner":{"colour":"red"}}'
    assert _Grown(shade="dark").canonical() == b'{"colour":"red","shade":"dark"}'
    assert _Grown().digest != _Grown(shade="dark").digest


def test_a_later_field_comes_back_from_its_bytes() -> None:
    for made in (_Grown(), _Grown(colour="blue", shade="dark")):
        assert _Grown.model_validate_json(made.canonical()) == made
