"""The server listens where it is told, and hides what it is made of."""

from __future__ import annotations

import uvicorn

from verilora.web.finding import Site
from verilora.web.serve import MOST_WAITING, serve


def test_uvicorn_is_asked_for_little(monkeypatch, filled) -> None:
    asked = {}
    monkeypatch.setattr(uvicorn, "run", lambda app, **given: asked.update(given, app=app))
    serve(Site(filled.registry), host="127.0.0.1", port=8123)
    assert (asked["host"], asked["port"]) == ("127.0.0.1", 8123)
    assert asked["server_header"] is False
    assert asked["access_log"] is False
    assert asked["limit_concurrency"] == MOST_WAITING
    assert asked["app"].title == "verilora"
