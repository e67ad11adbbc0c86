"""Bytes to records: faults as sentences, with the nearest known key."""

from __future__ import annotations

import pytest

from verilora.errors import DataError
from verilora.records.given import AsGiven, Number, Text
from verilora.records.reading import read_record, record_of


class Inner(AsGiven):
    score: Number


class Outer(AsGiven):
    name: Text
    inner: tuple[Inner, ...] = ()


def test_reads() -> None:
    made = read_record(Outer, b'{"name":"a","inner":[{"score":1}]}')
    assert made == Outer(name="a", inner=(Inner(score=1),))


def test_every_fault_is_told_at_once_with_its_place() -> None:
    content = b'{"nmae":"a","inner":[{"scoer":1},{"score":"much"}]}'
    with pytest.raises(DataError) as caught:
        read_record(Outer, content, name="verdict.json")
    faults = caught.value.facts["faults"]
    assert len(faults) == 5
    told = "\n".join(faults)
    assert "name is missing" in told
    assert "unknown key 'nmae'; did you mean 'name'?" in told
    assert "unknown key 'inner[0].scoer'; did you mean 'score'?" in told
    assert "inner[0].score is missing" in told
    assert "inner[1].score is 'much'; wanted: a valid number" in told
    assert str(caught.value).startswith("verdict.json: 5 faults")


def test_what_is_no_json_is_told_as_such() -> None:
    with pytest.raises(DataError, match="no JSON"):
        read_record(Outer, b"name = 'a'")


@pytest.mark.parametrize("value", [None, [], "text", 3])
def test_what_is_no_object_is_refused(value: object) -> None:
    with pytest.raises(DataError, match="the document is"):
        record_of(Outer, value)


def test_a_long_value_is_shortened() -> None:
    with pytest.raises(DataError) as caught:
        record_of(Outer, {"name": ["x" * 500]})
    assert len(str(caught.value)) < 200
