"""Bytes to records: faults as sentences, with the nearest known key."""

from __future__ import annotations

import pytest

from verilora.errors import DataError
from verilora.records.envelope import Envelope
from verilora.records.given import AsGiven, Number, Text
from verilora.records.notice import Notice
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


def test_sizes_are_told_in_numbers() -> None:
    given = {"kind": "dispute", "about": "sha256:" + "0" * 64, "made_at": "2026-01-01T00:00:00Z"}
    with pytest.raises(DataError) as told:
        record_of(Notice, {**given, "reason": ""})
    assert told.value.facts["faults"] == ("reason is empty; it is wanted",)
    with pytest.raises(DataError) as told:
        record_of(Notice, {**given, "reason": "x" * 1001})
    assert told.value.facts["faults"] == ("reason has 1001 characters; at most 1000 are wanted",)


def test_what_only_follows_from_another_fault_is_not_told() -> None:
    with pytest.raises(DataError) as told:
        record_of(Envelope, {"payload": "", "payloadType": "", "signatures": [{"sig": "?"}]})
    assert len(told.value.facts["faults"]) == 1
    with pytest.raises(DataError, match="signatures is empty"):
        record_of(Envelope, {"payload": "", "payloadType": "", "signatures": []})
