from __future__ import annotations

from typing import Any

import pytest

from verilora.claims.envelope import open_envelope, sign
from verilora.claims.predicates import RECORDS, is_itself, kind_of, read_predicate, statement_of
from verilora.errors import VerificationError
from verilora.records.claim import Claim
from verilora.records.envelope import PREDICATES, Statement
from verilora.records.notice import Notice


def read(world: Any, statement: dict[str, Any]) -> Any:
    made = Statement.model_validate(statement)
    return read_predicate(open_envelope(sign(made, world.key)))


def test_every_predicate_has_its_record() -> None:
    assert set(RECORDS) == set(PREDICATES)


def test_a_record_comes_back(world: Any, claim: Claim) -> None:
    assert read(world, statement_of(claim).to_mapping()) == ("claim", claim)
    notice = Notice(kind="dispute", about=claim.digest, reason="no", made_at="2026-01-01T00:00:00Z")
    kind, found = read(world, statement_of(notice).to_mapping())
    assert (kind, found) == ("notice", notice)
    assert kind_of(found) == "notice"


def test_a_record_about_no_file_is_about_itself(claim: Claim) -> None:
    (subject,) = statement_of(claim).subject
    assert subject.name == "claim.json"
    assert is_itself(subject.digests["sha256"], claim)
    (other,) = statement_of(claim, {"a.bin": "sha256:" + "0" * 64}).subject
    assert other.name == "a.bin"
    assert not is_itself(other.digests["sha256"], claim)


@pytest.mark.parametrize(
    "spoil",
    [
        {"predicateType": "https://example.org/other/v1"},
        {"predicateType": PREDICATES["run"]},
        {"predicate": {}},
    ],
)
def test_what_is_no_such_record_is_refused(spoil: Any, world: Any, claim: Claim) -> None:
    with pytest.raises(VerificationError) as told:
        read(world, {**statement_of(claim).to_mapping(), **spoil})
    assert told.value.facts["state"] == "schema-invalid"


def test_a_record_says_its_version(world: Any, claim: Claim) -> None:
    nameless = {key: value for key, value in claim.to_mapping().items() if key != "format"}
    with pytest.raises(VerificationError, match="no format"):
        read(world, {**statement_of(claim).to_mapping(), "predicate": nameless})
    theirs = {"predicateType": PREDICATES["verdict"], "predicate": {"paper": {"title": "A"}}}
    assert read(world, {**statement_of(claim).to_mapping(), **theirs})[0] == "verdict"


@pytest.mark.parametrize(
    ("key", "value"),
    [("id", "0" * 16), ("more", 1), ("confidence", "0.95"), ("tags", "lora"), ("sources", {})],
)
def test_values_that_cannot_be_are_refused(key: str, value: Any, world: Any, claim: Claim) -> None:
    predicate = {**claim.to_mapping(), key: value}
    with pytest.raises(VerificationError, match=key):
        read(world, {**statement_of(claim).to_mapping(), "predicate": predicate})


def test_a_record_of_an_older_version_lacks_what_was_added_since(world: Any, claim: Claim) -> None:
    older = {key: value for key, value in claim.to_mapping().items() if key != "distinct_from"}
    assert read(world, {**statement_of(claim).to_mapping(), "predicate": older})[1] == claim


def test_a_value_of_another_type_is_not_taken_for_its_own(world: Any) -> None:
    from verilora.claims.predicates import _is_told

    assert _is_told({"a": [1, None]}, {"a": [1.0, None], "b": 2})
    assert not _is_told({"a": True}, {"a": 1})
    assert not _is_told({"a": "1"}, {"a": 1})
    assert not _is_told({"a": [1]}, {"a": [1, 2]})
    assert not _is_told({"c": 1}, {"a": 1})
