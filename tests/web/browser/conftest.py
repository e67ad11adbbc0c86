"""The site in a real browser: Chromium is $VERILORA_CHROMIUM, or where Debian puts it."""

from __future__ import annotations

import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import uvicorn

from verilora.web.app import create_app
from verilora.web.finding import Site

CHROMIUM = os.environ.get("VERILORA_CHROMIUM") or shutil.which("chromium") or ""


@pytest.fixture(scope="session")
def address(filled) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    site = Site(filled.registry, f"http://127.0.0.1:{port}")
    config = uvicorn.Config(create_app(site), port=port, log_level="warning", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    for _ in range(500):
        if server.started:
            break
        time.sleep(0.02)
    yield site.address
    server.should_exit = True
    thread.join(5)


@pytest.fixture(scope="module")  # for as long as it runs, asyncio.run refuses to
def browser() -> Iterator[Any]:
    if not CHROMIUM:
        pytest.skip("NO CHROMIUM HERE: THE PAGES WERE NOT TESTED IN A BROWSER")
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="NO PLAYWRIGHT HERE: THE PAGES WERE NOT TESTED IN A BROWSER"
    )
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def page(browser) -> Iterator[Any]:
    """A page whose `faults` are whatever the browser complained of."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    opened.set_default_timeout(10_000)
    opened.faults = []
    opened.on("console", lambda told: opened.faults.append(f"{told.type}: {told.text}"))
    opened.on("pageerror", lambda error: opened.faults.append(str(error)))
    opened.on("requestfailed", lambda request: _failed(opened, request))
    yield opened
    context.close()


@pytest.fixture(scope="session")
def everywhere(pages, filled) -> dict[str, str]:
    """Name -> path of every page, of frames and of a fault."""
    more = {"embed": f"/embed/{filled.performance.id}", "fact": f"/embed/{filled.claims[0].id}"}
    return {**pages, **more, "nothing": "/search?q=zebra", "blank": "/search?q="}


@pytest.fixture
def foreign() -> Callable[[str], Any]:
    """A function from the body of a page to a context in which it is at another origin."""
    return _foreign


@contextmanager
def _foreign(body: str) -> Iterator[str]:
    content = f"<!doctype html><link rel=icon href=data:,><body>{body}".encode()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://localhost:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


def _failed(page: Any, request: Any) -> None:
    # A picture that was still on its way when the next page was opened is no fault.
    if request.failure != "net::ERR_ABORTED":
        page.faults.append(f"{request.url}: {request.failure}")
