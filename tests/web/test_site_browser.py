"""Pages in a real browser: a silent console, search, frames, the keyboard, both colours.

Screenshots go to $VERILORA_SCREENSHOTS if it is set. Chromium is taken from $VERILORA_CHROMIUM, or
from where Debian puts it.
"""

from __future__ import annotations

import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import uvicorn

from verilora.web.app import create_app
from verilora.web.finding import Site

pytestmark = pytest.mark.browser
CHROMIUM = os.environ.get("VERILORA_CHROMIUM") or shutil.which("chromium") or ""
WIDTHS = {"desktop": 1200, "phone": 390}


@pytest.fixture(scope="module")
def address(filled) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    site = Site(filled.registry, f"http://127.0.0.1:{port}")
    config = uvicorn.Config(create_app(site), port=port, log_level="warning", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    for _ in range(200):
        if server.started:
            break
        time.sleep(0.02)
    yield site.address
    server.should_exit = True
    thread.join(5)


@pytest.fixture(scope="module")
def browser():
    if not CHROMIUM:
        pytest.skip("SKIPPED: no Chromium; apt-get install chromium, or set VERILORA_CHROMIUM")
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="SKIPPED: playwright is not installed"
    )
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    opened = context.new_page()
    opened.set_default_timeout(10_000)
    opened.faults = []
    opened.on("console", lambda told: opened.faults.append(f"{told.type}: {told.text}"))
    opened.on("pageerror", lambda error: opened.faults.append(str(error)))
    opened.on("requestfailed", lambda request: _failed(opened, request))
    yield opened
    context.close()


def _failed(page, request) -> None:
    # A picture that was still on its way when the next page was opened is no fault.
    if request.failure != "net::ERR_ABORTED":
        page.faults.append(f"{request.url}: {request.failure}")


def keep(page, name: str) -> None:
    folder = os.environ.get("VERILORA_SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_opens_without_a_fault(width, scheme, page, pages, address) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": WIDTHS[width], "height": 900})
    for name, path in pages.items():
        page.goto(address + path)
        assert page.faults == [], name
        wider = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wider <= 0, f"{name} is {wider} pixels wider than the screen"
        assert page.evaluate("getComputedStyle(document.body).maxWidth") != "none", name
        keep(page, f"{name}-{width}-{scheme}")


def test_dark_is_dark_and_light_is_light(page, address) -> None:
    page.goto(address)
    shades = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        told = page.evaluate("getComputedStyle(document.body).backgroundColor")
        shades.append(int(told.removeprefix("rgb(").split(",")[0]))
    assert shades[0] > 200 > 60 > shades[1]


def test_a_search_leads_to_a_claim(page, address) -> None:
    page.goto(address)
    page.get_by_role("searchbox").fill("quantized")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?q=quantized")
    page.get_by_role("link", name="QLoRA introduced in paper").click()
    assert page.get_by_role("heading", level=1).inner_text().startswith("QLoRA introduced")
    assert page.faults == []


def test_pages_need_no_script(browser, address, filled) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/claims/{filled.performance.id}")
    page.locator("summary").first.click()
    assert page.locator("details[open]").count() == 1
    assert page.locator(".copybutton").count() == 0
    context.close()


def test_the_keyboard_reaches_the_content_and_every_link(page, address, filled) -> None:
    page.goto(f"{address}/claims/{filled.claims[0].id}")
    page.keyboard.press("Tab")
    focused = "document.activeElement.textContent.trim()"
    assert page.evaluate(focused) == "To the content"
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(outline) == "solid"
    page.keyboard.press("Enter")
    assert page.url.endswith("#content")
    seen = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        seen.add(page.evaluate(focused))
    assert {"The paper", "lora", "BibTeX", "copy", "The claim in its parts"} <= seen


def test_a_copy_button_copies(browser, address, filled) -> None:
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(f"{address}/claims/{filled.claims[0].id}")
    page.locator(".copybutton").first.click()
    page.get_by_text("copied").wait_for()
    assert filled.claims[0].statement in page.evaluate("navigator.clipboard.readText()")
    context.close()


def test_a_frame_shows_on_another_site_and_a_page_does_not(page, address, filled) -> None:
    id = filled.performance.id
    with _foreign(f'<iframe src="{address}/embed/{id}" width="100%" height="360"></iframe>') as at:
        page.goto(at)
        frame = page.frame_locator("iframe")
        assert frame.locator("h1").inner_text().startswith("Encoder-small")
        assert frame.locator("svg").count() == 1
        assert page.faults == []
    with _foreign(f'<iframe src="{address}/claims/{id}"></iframe>') as at:
        page.goto(at)
        page.wait_for_timeout(200)
        assert any("frame-ancestors" in fault for fault in page.faults)


class _foreign:  # noqa: N801 - reads as what it makes
    """A page at another origin."""

    def __init__(self, body: str) -> None:
        content = f"<!doctype html><link rel=icon href=data:,><body>{body}".encode()

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("content-type", "text/html")
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Answer)

    def __enter__(self) -> str:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://localhost:{self.server.server_port}/"

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
