"""What each kind of route says in its headers; one snapshot for all of them."""

from __future__ import annotations

import re

import pytest
from fastapi.testclient import TestClient
from starlette.routing import compile_path

from verilora.web.headers import etag_of, headers_of, is_open
from verilora.web.page import files

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
SVG, ATOM, TEXT = "image/svg+xml", "application/atom+xml", "text/plain; charset=utf-8"
PAGES = (
    *("/", "/search?q=lora", "/claims", "/claims/{claim}", "/verdicts", "/verdicts/{verdict}"),
    *("/runs/{run}", "/papers", "/papers/2106.09685", "/tags", "/tags/lora", "/methodology"),
    "/anchors",
)
TWINS = (
    *("/index.json", "/search.json?q=lora", "/claims.json", "/claims/{claim}.json"),
    *("/verdicts.json", "/verdicts/{verdict}.json", "/runs/{run}.json", "/papers.json"),
    *("/papers/2106.09685.json", "/tags.json", "/tags/lora.json", "/methodology.json"),
    "/anchors.json",
)
ANSWERS = (
    *("claims.json", "claims/{claim}.json", "search?q=lora", "tags.json", "methodology.json"),
    *("papers", "papers.json", "papers/2106.09685", "verdicts", "verdicts.json"),
    *("verdicts/{verdict}.json", "anchors", "anchors.json", "validator", "openapi.json"),
    "envelopes/{verdict}.dsse.json",
)
SHARED = {
    "/oembed?url=http://testserver/claims/{claim}": JSON,
    "/badge/{claim}.svg": SVG,
    "/feed.atom": ATOM,
    "/tags/lora.atom": ATOM,
    "/cite/{claim}.txt": TEXT,
    "/cite/{claim}.md": "text/markdown; charset=utf-8",
    "/cite/{claim}.bib": "application/x-bibtex; charset=utf-8",
    "/cite/{claim}.ris": "application/x-research-info-systems; charset=utf-8",
    "/cite/{claim}.csl.json": "application/vnd.citationstyles.csl+json",
    "/cite/{claim}.cff": "application/yaml; charset=utf-8",
}
SNAPSHOT = {
    **dict.fromkeys(PAGES, (HTML, PAGE, SHORT, False)),
    **dict.fromkeys(TWINS, (JSON, BARE, SHORT, True)),
    **dict.fromkeys((f"/api/v1/{path}" for path in ANSWERS), (JSON, BARE, SHORT, True)),
    **{path: (kind, BARE, SHORT, True) for path, kind in SHARED.items()},
    "/embed/{claim}": (HTML, FRAME, SHORT, True),
    "/api/v1/payloads/{verdict}.json": (JSON, BARE, LONG, True),
    "/static/{icon}": (SVG, BARE, LONG, False),
}
ASKED = ("/api/v1/verify", "/api/v1/verify-envelope", "/api/v1/validator")
"""Of the routes that are posted to."""


def routes_of(holder) -> list[tuple[str, str]]:
    """(method, path) of every route, in the order in which they are tried."""
    found = []
    for route in holder.routes:
        inner = getattr(route, "original_router", None)
        methods = sorted((getattr(route, "methods", None) or set()) - {"HEAD"})
        found += routes_of(inner) if inner else [(method, route.path) for method in methods]
    return found


def test_no_route_is_forgotten(client: TestClient, filled) -> None:
    """Each is the one that answers something of the snapshot."""
    routes = routes_of(client.app)
    assert len(routes) > 40
    answering = set()
    for path in [named(path, filled).partition("?")[0] for path in SNAPSHOT]:
        matching = [r for m, r in routes if m == "GET" and compile_path(r)[0].fullmatch(path)]
        answering.add(("GET", matching[0]))
    answering |= {("POST", path) for path in ASKED}
    # The sixteen digits and the ending are one name to the route.
    assert set(routes) == answering


@pytest.mark.parametrize("path", ASKED)
def test_a_question_is_answered_with_the_same_headers(path: str, client: TestClient) -> None:
    for body in (b"{}", b'{"claim": "LoRA"}'):
        got = client.post(path, content=body, headers={"origin": "https://x.example"}).headers
        assert got["content-security-policy"] == BARE
        assert got["access-control-allow-origin"] == "*"
        assert got["x-content-type-options"] == "nosniff"
        assert got["cache-control"] == "no-store"
        assert not {"set-cookie", "etag", "access-control-allow-credentials"} & set(got)


def named(path: str, filled) -> str:
    return path.format(
        claim=filled.claims[0].id,
        verdict=filled.verdict.digest.removeprefix("sha256:"),
        run=filled.run.digest.removeprefix("sha256:"),
        icon=next(path for path in files() if path.endswith(".svg")).rpartition("/")[2],
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
    assert re.fullmatch(r'"[0-9a-f]{32}"', got["etag"])
    again = client.get(named(path, filled), headers={"if-none-match": got["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["cache-control"] == cache
    head = client.head(named(path, filled))
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", got["etag"])
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
