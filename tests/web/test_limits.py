"""What is too large or has two meanings is refused before a route sees it."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi.testclient import TestClient

from verilora.web.app import create_app
from verilora.web.finding import Site
from verilora.web.limits import MOST, Limits, read_object
from verilora.web.problems import KIND, Problem


def refused(answer, status: int) -> dict:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == KIND
    told = answer.json()
    assert told["status"] == status
    assert told["detail"]
    return told


def test_a_large_body_is_refused(client: TestClient) -> None:
    body = json.dumps({"claim": "x" * 300_000})
    refused(client.post("/api/v1/verify", content=body), 413)

    def parts():
        for _ in range(300):
            yield b" " * 1024

    refused(client.post("/api/v1/verify", content=parts()), 413)


def test_deep_json_is_refused(client: TestClient) -> None:
    refused(client.post("/api/v1/verify", content="[" * 40 + "]" * 40), 400)
    refused(client.post("/api/v1/verify", content="[" * 100_000), 400)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("", 400),
        ("{", 400),
        ('{"claim": "a", "claim": "b"}', 400),
        ('{"claim": NaN}', 400),
        ("[]", 422),
        ('{"claim": 3}', 422),
        ('{"claim": ""}', 422),
        ('{"claim": "a", "other": 1}', 422),
        ('{"claim": "a", "minConfidence": 2}', 422),
        ('{"claim": "a", "minConfidence": true}', 422),
        ('{"claim": "a", "minConfidence": null}', 422),
        (json.dumps({"claim": "a" * 501}), 422),
    ],
)
def test_a_body_that_is_not_understood(body: str, status: int, client: TestClient) -> None:
    refused(client.post("/api/v1/verify", content=body), status)


@pytest.mark.parametrize(
    "query",
    ["limit=0", f"limit={MOST + 1}", "limit=x", "cursor=nonsense", "cursor=" + "a" * 300],
)
def test_pages_have_a_size(query: str, client: TestClient) -> None:
    answer = client.get(f"/api/v1/claims.json?{query}")
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == KIND


def test_a_search_has_a_length(client: TestClient) -> None:
    assert client.get("/api/v1/search", params={"q": "a" * 501}).status_code == 422
    assert client.get("/search", params={"q": "a" * 501}).status_code == 400
    assert client.get("/search?q=" + "a" * 5000).status_code == 414


@pytest.mark.parametrize(
    "path",
    [
        "/static/..%2f..%2fpyproject.toml",
        "/static/%2e%2e/app.py",
        "/claims//x",
        "/claims/..%5cx",
        "/papers/a%00b",
        "/api/v1/claims/%2e.json",
    ],
)
def test_a_path_means_one_thing(path: str, client: TestClient) -> None:
    assert client.get(path).status_code == 400


@pytest.mark.parametrize(
    "query", ["limit=1&limit=2", "q=a&limit=1&q=b", "limit=1&l%69mit=1", "%c2%80&%c2%80"]
)
def test_a_parameter_is_given_once(query: str, client: TestClient) -> None:
    told = refused(client.get(f"/api/v1/search?{query}"), 400)
    assert "twice" in told["detail"]
    assert client.get("/api/v1/search?q=lora&limit=1&%c2%80&=&%zz").status_code == 200


def test_an_object_has_known_keys() -> None:
    assert read_object(b'{"a": 1}', allowed={"a": int}) == {"a": 1}
    with pytest.raises(Problem, match="unknown key 'b'"):
        read_object(b'{"b": 1}', allowed={"a": int})


def test_a_body_that_does_not_come_is_not_waited_for(filled) -> None:
    """One drop of it, and then nothing."""
    sent: list = []

    async def ask() -> None:
        drops = iter([{"type": "http.request", "body": b"{", "more_body": True}])

        async def receive():
            for drop in drops:
                return drop
            await asyncio.sleep(60)
            raise AssertionError("it was waited for")

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/api/v1/verify", "headers": []}
        await Limits(create_app(Site(filled.registry)), patience=0.01)(scope, receive, send)

    # In a thread of its own: a browser's driver may have a loop in this one.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(ask())).result()
    assert [message.get("status") for message in sent] == [408, None]
    assert json.loads(sent[1]["body"])["status"] == 408


def test_a_fault_of_the_server_is_told_like_any_other(filled, monkeypatch, caplog) -> None:
    """With all headers, and without a word of what went wrong."""
    client = TestClient(create_app(Site(filled.registry, "http://testserver")))
    monkeypatch.setattr(type(filled.registry), "tags", lambda _: 1 / 0)
    for path in ("/api/v1/tags.json", "/tags", "/tags.json"):
        answer = client.get(path)
        refused(answer, 500)
        assert "zero" not in answer.text
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert (answer.headers["cache-control"], "etag" in answer.headers) == ("no-store", False)
    assert "ZeroDivisionError" in caplog.text
