"""An envelope that is sent has one state, by the trust file of the server and what is kept here."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from verilora.claims.envelope import sign
from verilora.claims.keys import make_key
from verilora.claims.predicates import statement_of
from verilora.records.trust import Trust
from verilora.registry.store import Registry, open_registry
from verilora.registry.trusting import door_of
from verilora.web.app import create_app
from verilora.web.finding import Site

PATH = "/api/v1/verify-envelope"
KEY = make_key("tester")


def trust_of(*, days: int = 9, revoked: dict | None = None) -> Trust:
    """A trust file with one key, for every kind."""
    now, known = datetime.now(UTC), {"id": KEY.public.id, "x": KEY.public.x, "name": "tester"}
    roles, moment = ["claim", "notice"], "%Y-%m-%dT%H:%M:%SZ"
    trusted = {**known, "roles": roles, "valid_from": "2020-01-01T00:00:00Z", "revoked": revoked}
    return Trust.model_validate(
        {
            "origin": known["id"],
            "version": 1,
            "issued_at": (now - timedelta(days=30)).strftime(moment),
            "expires_at": (now + timedelta(days=days)).strftime(moment),
            "roots": [known],
            "trusted": [trusted],
        }
    )


@pytest.fixture(scope="module")
def kept(filled, tmp_path_factory) -> Iterator[tuple[Registry, Any]]:
    """A registry with claims A (superseded), B and C (retracted), and a maker."""
    path: Path = tmp_path_factory.mktemp("states") / "registry.sqlite"
    with open_registry(str(path), door=door_of(trust_of())) as registry:
        make = type(filled.maker)(registry)
        make.key = KEY
        one, two, three = (make.admit(make.claim(name, name)) for name in "ABC")
        make.admit(make.notice(one.digest, "supersession", by=two.digest))
        make.admit(make.notice(three.digest))
        yield registry, make


def ask(kept: Any, content: bytes, trust: Trust | None = None) -> dict:
    client = TestClient(create_app(Site(kept[0], "http://testserver", trust or trust_of())))
    answer = client.post(PATH, content=content)
    assert answer.status_code == 200
    return answer.json()


@pytest.mark.parametrize(
    ("name", "state", "standing"),
    [
        ("A", "superseded", "superseded"),
        ("B", "valid", "standing"),
        ("C", "retracted", "retracted"),
        ("D", "valid", None),
    ],
)
def test_what_became_of_a_record(kept: Any, name: str, state: str, standing: str | None) -> None:
    got = ask(kept, kept[1].sign(kept[1].claim(name, name)))
    assert (got["state"], got.get("standing")) == (state, standing)
    assert got["known"] == (standing is not None)


def test_a_key_that_is_not_known(kept: Any) -> None:
    stranger = sign(statement_of(kept[1].claim("B", "B")), make_key("stranger"))
    assert ask(kept, stranger)["state"] == "unknown-key"


def test_a_bit_of_the_signature_and_one_of_the_payload(kept: Any) -> None:
    envelope = json.loads(kept[1].sign(kept[1].claim("B", "B")))
    held = bytearray(base64.b64decode(envelope["signatures"][0]["sig"]))
    held[0] ^= 1
    sig = [{**envelope["signatures"][0], "sig": base64.b64encode(held).decode()}]
    assert ask(kept, json.dumps({**envelope, "signatures": sig}).encode())["state"] == (
        "bad-signature"
    )
    payload = base64.b64decode(envelope["payload"]).replace(b"arXiv", b"arxiv")
    changed = {**envelope, "payload": base64.b64encode(payload).decode()}
    got = ask(kept, json.dumps(changed).encode())
    assert (got["state"], got["known"]) == ("bad-signature", False)


def test_trust_that_has_ended(kept: Any) -> None:
    envelope = kept[1].sign(kept[1].claim("B", "B"))
    assert ask(kept, envelope, trust_of(days=-1))["state"] == "stale-trust"
    lost = {"at": "2026-01-01T00:00:00Z", "reason": "lost", "kept": []}
    assert ask(kept, envelope, trust_of(revoked=lost))["state"] == "revoked"


@pytest.mark.parametrize("change", [{"signatures": []}, {"payloadType": "text/plain"}, {"x": 1}])
def test_what_is_no_envelope(kept: Any, change: dict) -> None:
    envelope = json.loads(kept[1].sign(kept[1].claim("B", "B")))
    got = ask(kept, json.dumps({**envelope, **change}).encode())
    assert (got["state"], got["known"]) == ("malformed", False)
