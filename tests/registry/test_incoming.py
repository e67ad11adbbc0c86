"""What comes in: read strictly, one kind or another that is kept, or refused with a reason."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from verilora.claims.envelope import open_envelope, sign
from verilora.errors import AdmissionError, RegistryError
from verilora.records.claim import Claim
from verilora.records.envelope import PREDICATES, Statement
from verilora.registry.incoming import Door, read_blob, read_kept, receive

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def test_every_kind_is_read_as_its_record(make: Any) -> None:
    records = make.claim(), make.verdict(), make.run(), make.notice("sha256:" + "0" * 64)
    for record in (*records, make.anchors(1.0)):
        one = receive(make.sign(record), Door(), now=NOW)
        assert one.record == record
        assert one.record_digest == record.digest
        assert one.digest == open_envelope(one.envelope).digest
        assert (one.state, one.key_ids) == ("unchecked", (make.key.id,))
    assert [read_kept(open_envelope(make.sign(record)))[0] for record in records] == [
        "claim",
        "verdict",
        "run",
        "notice",
    ]


def test_the_record_comes_out_of_the_payload_again(make: Any) -> None:
    one = receive(make.sign(make.claim()), Door(), now=NOW)
    assert read_blob(one.payload, Claim) == make.claim()


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b'{"payload": 1}', b"{" * 40])
def test_what_is_no_envelope_is_refused(content: bytes) -> None:
    with pytest.raises(AdmissionError, match="not admitted"):
        receive(content, Door(), now=NOW)


def test_records_that_break_their_schema_or_are_not_kept_are_refused(make: Any) -> None:
    good = make.claim().to_mapping()
    for kind, predicate, why in (
        ("claim", {**good, "id": "0" * 16}, "id is"),
        ("claim", {**good, "more": 1}, "more"),
        ("verdict", {"paper": {"arxiv_id": "1"}}, "no verdict"),
        ("adapter", good, "not admitted"),
    ):
        with pytest.raises(AdmissionError, match=why):
            receive(_signed(make, kind, predicate), Door(), now=NOW)


def test_the_door_decides_on_signatures(make: Any) -> None:
    envelope = make.sign(make.claim())

    def says(state: str) -> Any:
        return lambda opened, *, now: (state, ("b", "a"), "because")

    assert receive(envelope, Door(says("unknown-key")), now=NOW).key_ids == ("a", "b")
    assert receive(envelope, Door(says("valid"), require_trust=True), now=NOW).state == "valid"
    for door in (Door(says("bad-signature")), Door(says("unknown-key"), require_trust=True)):
        with pytest.raises(AdmissionError, match="because") as refused:
            receive(envelope, door, now=NOW)
        assert refused.value.facts["digest"] == open_envelope(envelope).digest


def _signed(make: Any, kind: str, predicate: dict[str, Any]) -> bytes:
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "x", "digest": {"sha256": "0" * 64}}],
        "predicateType": PREDICATES[kind],
        "predicate": predicate,
    }
    return sign(Statement.model_validate(statement), make.key)


@pytest.mark.parametrize("content", [b"{}", b"[]", b"\xff", b'{"predicate": {"format": "x"}}'])
def test_bytes_that_were_changed_since_are_told_of(content: bytes) -> None:
    with pytest.raises(RegistryError, match=r"of a claim .* verilora registry rebuild"):
        read_blob(content, Claim)
