"""Paths and shapes of the interface for programs."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from verilora.records.verdict import VerdictDocument
from verilora.web.app import create_app
from verilora.web.finding import Site

EXAMPLES = Path(__file__).parents[2] / ".." / "shared" / "examples"
ROOT = "/api/v1"


def example(name: str) -> dict:
    path = EXAMPLES / name
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    return json.loads(path.read_bytes())


KINDS = {int: "number", float: "number"}
BESIDE = ("related", "citedAs")
"""What stands beside a claim, not in it."""


def shape_of(data: object, path: str = "") -> dict[str, set[str]]:
    """Path of every key -> the types found there; the items of a list share theirs."""
    found = {path: {KINDS.get(type(data), type(data).__name__)}}
    pairs: list = []
    if isinstance(data, dict):
        pairs = [(f"{path}.{key}", value) for key, value in data.items()]
    elif isinstance(data, list):
        pairs = [(f"{path}[]", value) for value in data]
    for name, value in pairs:
        for place, kinds in shape_of(value, name).items():
            found.setdefault(place, set()).update(kinds)
    return found


def missing_in(got: dict, wanted: dict) -> dict[str, set[str]]:
    """Paths of what is wanted with types that are not there; null may be anything."""
    mine, theirs = shape_of(got), shape_of(wanted)
    return {
        path: kinds - mine.get(path, set())
        for path, kinds in theirs.items()
        if path not in mine or (kinds - mine[path] - {"NoneType"} and mine[path] != {"NoneType"})
    }


def test_a_claim_has_the_shape_of_the_example(client: TestClient, filled) -> None:
    """Every key of it at the same place, of the same type."""
    wanted = example("claim-d7b97d1b93d8d8bc.json")
    got = client.get(f"{ROOT}/claims/d7b97d1b93d8d8bc.json").json()
    assert missing_in(got, wanted) == {}
    for name in ("id", "vertical", "subject", "predicate", "object", "statement", "confidence"):
        assert got[name] == wanted[name], name
    assert [one["ordinal"] for one in got["sources"]] == [1, 2]
    assert got["citedAs"].startswith(wanted["statement"] + " — ")
    assert got["lastVerified"] == "2026-05-16"
    assert {"apiVersion", "methodology", "url", "claim", "signature", "envelope"} <= set(got)
    assert missing_in(got["claim"], {k: wanted[k] for k in wanted if k not in BESIDE}) == {}
    assert {"algorithm", "signedBy", "signedAt", "signature"} <= set(got["signature"])


def test_the_envelope_inside_is_the_signed_record(client: TestClient, filled) -> None:
    got = client.get(f"{ROOT}/claims/{filled.claims[0].id}.json").json()
    payload = base64.b64decode(got["envelope"]["payload"])
    assert f"sha256:{hashlib.sha256(payload).hexdigest()}" == got["digest"]
    assert json.loads(payload)["predicate"]["id"] == filled.claims[0].id
    bare = got["digest"].removeprefix("sha256:")
    assert client.get(f"{ROOT}/payloads/{bare}.json").content == payload
    assert client.get(f"{ROOT}/envelopes/{bare}.dsse.json").json() == got["envelope"]


def test_a_paper_has_the_shape_of_the_example(client: TestClient, filled) -> None:
    """The same keys at the same places, of the same types; nothing else at the top."""
    wanted = example("paper-2106.09685.json")
    for path in (f"{ROOT}/papers/2106.09685", f"{ROOT}/papers/2106.09685.json"):
        got = client.get(path).json()
        assert missing_in(got, wanted) == {}
        assert set(got) == set(wanted)
        for part in ("paper", "latest_version", "verdicts"):
            assert set(got[part]) == set(wanted[part])
        assert got["verdict"]["status"] == "reproduced"
        assert got["verdict"]["is_current"] is True
        assert "caveats" not in got["verdict"] or not any(
            "signed document" in caveat for caveat in got["verdict"]["caveats"]
        )


def test_the_example_itself_is_answered_as_the_rules_allow(fresh) -> None:
    """Key for key; "reproduced" on a proxy is partial, and it says what was signed."""
    wanted = example("paper-2106.09685.json")
    fresh.admit(VerdictDocument.model_validate(wanted))
    client = TestClient(create_app(Site(fresh.registry, "http://testserver")))
    got = client.get(f"{ROOT}/papers/2106.09685").json()
    for verdict in (got["verdict"], got["verdicts"]["post"]):
        told = verdict.pop("caveats")
        assert told[-1] == "the signed document says 'reproduced'; by the rules it is 'partial'"
        assert verdict.pop("status") == "partial"
        assert verdict.pop("confidence") <= 0.6
    for verdict in (wanted["verdict"], wanted["verdicts"]["post"]):
        del verdict["status"], verdict["confidence"]
    assert got == wanted
    (one,) = client.get(f"{ROOT}/papers").json()["papers"]
    assert (one["status"], one["judged"]) == ("reproduced", "partial")


def test_anchors_are_listed_by_state_and_unit(client: TestClient) -> None:
    (one,) = client.get(f"{ROOT}/anchors").json()["anchors"]
    for name, key in (("status", "state"), ("unit", "unit")):
        found = client.get(f"{ROOT}/anchors", params={name: one[key]}).json()
        assert found["anchors"] == [one]
        assert client.get(f"{ROOT}/anchors", params={name: "other"}).status_code == 422
    other = "drift" if one["state"] != "drift" else "healthy"
    assert client.get(f"{ROOT}/anchors", params={"status": other}).json()["count"] == 0


def test_claims_go_on_from_a_cursor(client: TestClient, filled) -> None:
    seen, cursor = [], None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        got = client.get(f"{ROOT}/claims.json", params=query).json()
        seen += [claim["id"] for claim in got["claims"]]
        cursor = got.get("next")
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 4
    assert filled.gone.id not in seen


def test_a_search_finds_words_and_no_syntax(client: TestClient, filled) -> None:
    got = client.get(f"{ROOT}/search", params={"q": "quantized"}).json()
    assert [one["claim"]["subject"] for one in got["results"]] == ["QLoRA"]
    for text in ('"', "a OR", "NEAR(", "*", "lora'; drop table claims --", "-", "^", "%"):
        assert client.get(f"{ROOT}/search", params={"q": text}).status_code in (200, 400)
    assert client.get(f"{ROOT}/search", params={"q": "quantized"}).json()["count"] == 1


def test_likeness_is_never_called_verification(client: TestClient, filled) -> None:
    asked = {"claim": "Encoder-small (Bridges) reaches 89.5 % accuracy on MRPC with 5 seeds"}
    got = client.post(f"{ROOT}/verify", json=asked).json()
    assert got["relation"] == "unknown"
    assert got["bestMatch"]["claim"]["id"] == filled.performance.id
    assert all(one["relation"] == "unknown" for one in got["matches"])
    for change in ("98.5", "not reach 89.5"):
        other = asked["claim"].replace("89.5" if change == "98.5" else "reaches 89.5", change)
        got = client.post(f"{ROOT}/verify", json={"claim": other}).json()
        (first,) = [m for m in got["matches"] if m["claim"]["id"] == filled.performance.id]
        assert first["differs"]
        assert (got.get("bestMatch") or {"claim": {"id": ""}})["claim"]["id"] != first["claim"][
            "id"
        ]


def test_less_sure_claims_are_left_out(client: TestClient) -> None:
    asked = {"claim": "Encoder-small (Bridges) MRPC", "minConfidence": 0.95}
    got = client.post(f"{ROOT}/verify", json=asked).json()
    assert all(one["claim"]["confidence"] >= 0.95 for one in got["matches"])


def test_verdicts_are_listed_by_status(client: TestClient, filled) -> None:
    got = client.get(f"{ROOT}/verdicts").json()
    assert {one["status"] for one in got["verdicts"]} == {"reproduced", "inconclusive"}
    got = client.get(f"{ROOT}/verdicts?status=reproduced").json()
    assert [one["digest"] for one in got["verdicts"]] == [filled.verdict.digest]
    bare = filled.verdict.digest.removeprefix("sha256:")
    one = client.get(f"{ROOT}/verdicts/{bare}.json").json()
    assert one["document"] == filled.document.to_mapping()


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/tags.json", "tags"),
        ("/methodology.json", "gates"),
        ("/papers", "papers"),
        ("/anchors", "anchors"),
        ("/validator", "rules"),
        ("/openapi.json", "paths"),
    ],
)
def test_the_other_lists(path: str, key: str, client: TestClient) -> None:
    assert client.get(ROOT + path).json()[key]


@pytest.mark.parametrize(
    "path",
    ["/claims/zz.json", "/claims/0000000000000000.json", "/papers/1.2", "/verdicts/aa.json", "/x"],
)
def test_what_is_not_there_is_a_problem(path: str, client: TestClient) -> None:
    answer = client.get(ROOT + path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["title"] == "Not Found"


def test_every_shape_is_in_the_description(client: TestClient) -> None:
    told = client.get(f"{ROOT}/openapi.json").json()
    names = set(told["components"]["schemas"])
    assert {"ClaimAnswer", "ProblemBody", "VerifyAnswer", "EnvelopeAnswer"} <= names
    used = set(json.dumps(told).split("#/components/schemas/")[1:])
    assert {piece.split('"')[0] for piece in used} <= names
