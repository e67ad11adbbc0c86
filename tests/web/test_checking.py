"""Envelopes that are sent to be checked: form, signatures, and what is known of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from fastapi.testclient import TestClient

from verilora.claims.envelope import sign
from verilora.claims.keys import make_key
from verilora.claims.predicates import statement_of
from verilora.records.envelope import Statement
from verilora.records.trust import Trust
from verilora.web.app import create_app
from verilora.web.finding import Site

PATH = "/api/v1/verify-envelope"


def trust_in(key) -> Trust:
    now = datetime.now(UTC)
    public = key.public
    known = {"id": public.id, "x": public.x, "name": "tester"}
    return Trust.model_validate(
        {
            "origin": public.id,
            "version": 1,
            "issued_at": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "expires_at": (now + timedelta(days=9)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "roots": [known],
            "trusted": [
                {
                    **known,
                    "roles": ["claim", "verdict", "run"],
                    "valid_from": "2020-01-01T00:00:00Z",
                }
            ],
        }
    )


def test_without_a_trust_file_nothing_is_called_valid(client, filled) -> None:
    envelope = filled.maker.sign(filled.claims[0])
    got = client.post(PATH, content=envelope).json()
    assert (got["state"], got["known"]) == ("unchecked", True)
    assert got["digest"] == filled.entries[0].digest


def test_a_retracted_record_is_not_valid(client, filled) -> None:
    got = client.post(PATH, content=filled.maker.sign(filled.gone)).json()
    assert (got["state"], got["standing"]) == ("retracted", "retracted")


def test_with_a_trust_file_signatures_are_checked(fresh) -> None:
    site = Site(fresh.registry, "http://testserver", trust_in(fresh.key))
    client = TestClient(create_app(site))
    envelope = fresh.sign(fresh.claim("LoRA"))
    got = client.post(PATH, content=envelope).json()
    assert (got["state"], got["known"]) == ("valid", False)
    assert got["keyIds"] == [fresh.key.public.id]
    broken = json.loads(envelope)
    sig = broken["signatures"][0]["sig"]
    broken["signatures"][0]["sig"] = ("A" if sig[0] != "A" else "B") + sig[1:]
    assert client.post(PATH, json=broken).json()["state"] == "bad-signature"


def test_notices_count_as_verify_counts_them(fresh) -> None:
    site = Site(fresh.registry, "http://testserver", trust_in(fresh.key))
    client = TestClient(create_app(site))
    entry = fresh.admit(fresh.claim("LoRA"))
    envelope = fresh.registry.envelope(entry.digest)
    # The registry checks no signatures, and obeys anybody's notice; this server has a trust file.
    fresh.registry.admit(sign(statement_of(fresh.notice(entry.digest)), make_key("anybody")))
    got = client.post(PATH, content=envelope).json()
    assert (got["state"], got["standing"]) == ("valid", "retracted")
    assert "a retraction does not count" in got["detail"]
    own = fresh.admit(fresh.notice(entry.digest, reason="Our own slip."))
    got = client.post(PATH, content=envelope).json()
    assert got["state"] == "retracted"
    assert "Our own slip." in got["detail"]
    # Nor does anybody take our notice back; we may.
    fresh.registry.admit(sign(statement_of(fresh.notice(own.digest)), make_key("anybody")))
    assert client.post(PATH, content=envelope).json()["state"] == "retracted"
    fresh.admit(fresh.notice(own.digest, reason="It was none."))
    assert client.post(PATH, content=envelope).json()["state"] == "valid"


def test_who_signed_is_asked_before_what(fresh) -> None:
    client = TestClient(create_app(Site(fresh.registry, "http://testserver", trust_in(fresh.key))))
    mapping = statement_of(fresh.claim("LoRA")).to_mapping()
    odd = Statement.model_validate({**mapping, "predicate": {}})
    got = client.post(PATH, content=sign(odd, make_key("anybody"))).json()
    assert got["state"] == "unknown-key"
    assert client.post(PATH, content=sign(odd, fresh.key)).json()["state"] == "schema-invalid"


def test_what_is_no_envelope_is_malformed(client) -> None:
    for body in (b"", b"{}", b"[[[", b'{"payload": "", "payloadType": "x", "signatures": []}'):
        got = client.post(PATH, content=body)
        assert got.status_code == 200
        assert got.json()["state"] == "malformed"
