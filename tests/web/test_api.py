"""Paths and shapes of the interface for programs."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

EXAMPLES = Path(__file__).parents[2] / ".." / "shared" / "examples"
ROOT = "/api/v1"


def example(name: str) -> dict:
    path = EXAMPLES / name
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    return json.loads(path.read_bytes())


def test_a_claim_has_the_shape_of_the_example(client: TestClient, filled) -> None:
    wanted = example("claim-d7b97d1b93d8d8bc.json")
    got = client.get(f"{ROOT}/claims/d7b97d1b93d8d8bc.json").json()
    assert set(wanted) <= set(got)
    for name in ("id", "vertical", "subject", "predicate", "object", "statement", "confidence"):
        assert got[name] == wanted[name], name
    assert set(wanted["sources"][0]) <= set(got["sources"][0])
    assert set(wanted["related"][0]) <= set(got["related"][0])
    assert got["citedAs"].startswith(wanted["statement"] + " — ")
    assert got["lastVerified"] == "2026-05-16"
    assert {"apiVersion", "methodology", "url", "claim", "signature", "envelope"} <= set(got)
    assert got["claim"]["id"] == wanted["id"]


def test_the_envelope_inside_is_the_signed_record(client: TestClient, filled) -> None:
    got = client.get(f"{ROOT}/claims/{filled.claims[0].id}.json").json()
    payload = base64.b64decode(got["envelope"]["payload"])
    assert f"sha256:{hashlib.sha256(payload).hexdigest()}" == got["digest"]
    assert json.loads(payload)["predicate"]["id"] == filled.claims[0].id
    bare = got["digest"].removeprefix("sha256:")
    assert client.get(f"{ROOT}/payloads/{bare}.json").content == payload
    assert client.get(f"{ROOT}/envelopes/{bare}.dsse.json").json() == got["envelope"]


def test_a_paper_has_the_shape_of_the_example(client: TestClient, filled) -> None:
    wanted = example("paper-2106.09685.json")
    for path in (f"{ROOT}/papers/2106.09685", f"{ROOT}/papers/2106.09685.json"):
        got = client.get(path).json()
        assert set(got) == set(wanted)
        assert set(wanted["paper"]) == set(got["paper"])
        assert set(wanted["latest_version"]) <= set(got["latest_version"])
        assert set(wanted["verdict"]) <= set(got["verdict"])
        assert set(got["verdicts"]) == {"post", "pre"}
        assert got["verdict"]["status"] == "reproduced"
        assert got["verdict"]["is_current"] is True


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
