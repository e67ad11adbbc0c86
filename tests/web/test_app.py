"""The whole application: faults for programs and for people, and its description."""

from __future__ import annotations

import json

from fastapi.testclient import TestClient

from verilora.errors import RegistryError
from verilora.web.app import create_app
from verilora.web.finding import Site
from verilora.web.problems import KIND


def test_a_fault_is_told_to_whom_it_concerns(client, read_page) -> None:
    for path in ("/claims/zz", "/embed/zz", "/nothing"):
        answer = client.get(path)
        assert answer.headers["content-type"].startswith("text/html")
        assert "404" in read_page(answer.text).text
    for path in ("/claims/zz.json", "/api/v1/nothing", "/badge/zz.svg", "/feed.atom/x"):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (404, KIND)


def test_another_method_is_refused(client) -> None:
    for path in ("/claims", "/api/v1/claims.json"):
        for method in ("post", "put", "delete", "patch"):
            answer = getattr(client, method)(path)
            assert answer.status_code == 405, (path, method)
            assert "GET" in answer.headers["allow"]


def test_a_registry_that_fails_is_no_secret_and_no_trace(filled) -> None:
    class Broken:
        def __getattr__(self, name: str):
            raise RegistryError("postgresql://user:secret@host is away")

    client = TestClient(create_app(Site(Broken())))
    answer = client.get("/api/v1/tags.json")
    assert answer.status_code == 503
    assert "secret" not in answer.text
    assert client.get("/tags").status_code == 503


def test_no_page_of_documentation_loads_foreign_scripts(client) -> None:
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert client.get(path).status_code == 404


def test_the_description_names_every_route_of_the_interface(client) -> None:
    told = client.get("/api/v1/openapi.json").json()
    assert {
        "/api/v1/claims.json",
        "/api/v1/claims/{claim}.json",
        "/api/v1/search",
        "/api/v1/tags.json",
        "/api/v1/methodology.json",
        "/api/v1/papers",
        "/api/v1/papers/{arxiv_id}",
        "/api/v1/verdicts",
        "/api/v1/anchors",
        "/api/v1/validator",
        "/api/v1/verify",
        "/api/v1/verify-envelope",
    } <= set(told["paths"])
    assert "/claims/{claim}" not in told["paths"]
    assert json.dumps(told).count('"securitySchemes"') == 0
