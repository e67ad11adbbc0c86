"""What each kind of route says in its headers; one snapshot for all of them."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from verilora.web.headers import etag_of, headers_of, is_open

PAGE = (
    "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "style-src 'self'; img-src 'self'; script-src 'self'"
)
FRAME = PAGE.replace(
    "form-action 'self'; frame-ancestors 'none'", "form-action 'none'; frame-ancestors *"
)
BARE = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
SHORT, LONG = "public, max-age=60", "public, max-age=31536000, immutable"
JSON, HTML = "application/json", "text/html; charset=utf-8"
SNAPSHOT = {
    "/": (HTML, PAGE, SHORT, False),
    "/search?q=lora": (HTML, PAGE, SHORT, False),
    "/claims": (HTML, PAGE, SHORT, False),
    "/claims/{claim}": (HTML, PAGE, SHORT, False),
    "/verdicts/{verdict}": (HTML, PAGE, SHORT, False),
    "/runs/{run}": (HTML, PAGE, SHORT, False),
    "/papers/2106.09685": (HTML, PAGE, SHORT, False),
    "/methodology": (HTML, PAGE, SHORT, False),
    "/anchors": (HTML, PAGE, SHORT, False),
    "/claims/{claim}.json": (JSON, BARE, SHORT, True),
    "/embed/{claim}": (HTML, FRAME, SHORT, True),
    "/badge/{claim}.svg": ("image/svg+xml", BARE, SHORT, True),
    "/feed.atom": ("application/atom+xml", BARE, SHORT, True),
    "/cite/{claim}.bib": ("application/x-bibtex; charset=utf-8", BARE, SHORT, True),
    "/oembed?url=http://testserver/claims/{claim}": (JSON, BARE, SHORT, True),
    "/api/v1/claims.json": (JSON, BARE, SHORT, True),
    "/api/v1/claims/{claim}.json": (JSON, BARE, SHORT, True),
    "/api/v1/search?q=lora": (JSON, BARE, SHORT, True),
    "/api/v1/envelopes/{verdict}.dsse.json": (JSON, BARE, SHORT, True),
    "/api/v1/payloads/{verdict}.json": (JSON, BARE, LONG, True),
    "/api/v1/openapi.json": (JSON, BARE, SHORT, True),
}


def named(path: str, filled) -> str:
    return path.format(
        claim=filled.claims[0].id,
        verdict=filled.verdict.digest.removeprefix("sha256:"),
        run=filled.run.digest.removeprefix("sha256:"),
    )


@pytest.mark.parametrize("path", SNAPSHOT)
def test_the_headers_of_every_kind_of_route(path: str, client: TestClient, filled) -> None:
    answer = client.get(named(path, filled), headers={"origin": "https://elsewhere.example"})
    kind, policy, cache, is_read_by_anybody = SNAPSHOT[path]
    got = answer.headers
    assert answer.status_code == 200
    assert got["content-type"] == kind
    assert got["content-security-policy"] == policy
    assert got["cache-control"] == cache
    assert got["x-content-type-options"] == "nosniff"
    assert got["referrer-policy"] == "no-referrer"
    assert got["etag"].startswith('"')
    assert got.get("access-control-allow-origin") == ("*" if is_read_by_anybody else None)
    assert not {"set-cookie", "access-control-allow-credentials", "server"} & set(got)


def test_a_style_sheet_never_changes(client: TestClient) -> None:
    page = client.get("/").text
    path = page.split('rel="stylesheet" href="')[1].split('"')[0]
    assert client.get(path).headers["cache-control"] == LONG
    assert client.get("/static/site-000000000000.css").status_code == 404


def test_an_answer_that_is_known_is_not_sent_again(client: TestClient, filled) -> None:
    path = f"/api/v1/claims/{filled.claims[0].id}.json"
    first = client.get(path)
    again = client.get(path, headers={"if-none-match": f'"other", W/{first.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert client.get(path, headers={"if-none-match": "*"}).status_code == 304
    assert client.get(path, headers={"if-none-match": '"other"'}).status_code == 200


def test_head_tells_what_get_would(client: TestClient) -> None:
    head, get = client.head("/claims"), client.get("/claims")
    assert head.content == b""
    assert head.headers == get.headers


def test_a_preflight_is_answered(client: TestClient) -> None:
    answer = client.options("/api/v1/verify")
    assert answer.status_code == 204
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "access-control-allow-methods" not in client.options("/claims").headers


def test_a_fault_is_not_kept(client: TestClient) -> None:
    answer = client.get("/embed/0000000000000000")
    assert answer.status_code == 404
    assert answer.headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


def test_what_others_may_read() -> None:
    assert is_open("/api/v1/tags.json")
    assert is_open("/claims/0.json")
    assert not is_open("/claims/0")
    assert dict(headers_of("/", 200, kind="text/html"))[b"cache-control"] == b"public, max-age=60"
    assert etag_of(b"a") != etag_of(b"b")
