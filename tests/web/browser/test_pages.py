"""Every page in both schemes and at every width: a silent console, nothing past the edge.

Screenshots go to $VERILORA_SCREENSHOTS if it is set.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser
WIDTHS = (320, 375, 768, 1280)
OPEN = "document.querySelectorAll('details').forEach(one => { one.open = true })"
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
CUT = """() => [...document.querySelectorAll('svg text')].filter(text => {
  const inner = text.getBoundingClientRect(), outer = text.closest('svg').getBoundingClientRect();
  return inner.left < outer.left - 1 || inner.right > outer.right + 1;
}).map(text => text.textContent)"""


def keep(page: Any, name: str) -> None:
    folder = os.environ.get("VERILORA_SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_opens_without_a_fault_and_fits_every_width(
    scheme, page, everywhere, address
) -> None:
    page.emulate_media(color_scheme=scheme)
    for name, path in everywhere.items():
        page.goto(address + path)
        assert page.faults == [], name
        assert page.evaluate("getComputedStyle(document.body).fontSize") != "", name
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            keep(page, f"{name}-{width}-{scheme}")
            assert page.evaluate(WIDER) <= 0, f"{name} is wider than {width} pixels"
            assert page.evaluate(CUT) == [], f"{name} at {width} pixels"
        page.evaluate(OPEN)
        page.set_viewport_size({"width": 320, "height": 900})
        assert page.evaluate(WIDER) <= 0, f"{name}, all opened, is wider than 320 pixels"


def test_dark_is_dark_and_light_is_light(page, address) -> None:
    page.goto(address)
    shades = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        told = page.evaluate("getComputedStyle(document.body).backgroundColor")
        shades.append(int(told.removeprefix("rgb(").split(",")[0]))
    assert shades[0] > 200 > 60 > shades[1]


def test_no_page_is_heavy(page, everywhere, address) -> None:
    for name, path in everywhere.items():
        size = len(page.goto(address + path).body())
        assert size <= 30_000, f"{name} has {size} bytes"


def test_a_search_leads_to_a_claim(page, address) -> None:
    page.goto(address)
    page.get_by_role("searchbox").fill("quantized")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?q=quantized")
    page.get_by_role("link", name="QLoRA introduced in paper").click()
    assert page.get_by_role("heading", level=1).inner_text().startswith("QLoRA introduced")
    assert page.faults == []


def test_a_page_says_the_same_without_script(browser, page, everywhere, address) -> None:
    context = browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    for name, path in everywhere.items():
        page.goto(address + path)
        page.evaluate("document.querySelectorAll('.copybutton').forEach(one => one.remove())")
        plain.goto(address + path)
        assert plain.locator("main").inner_text() == page.locator("main").inner_text(), name
    plain.goto(address + everywhere["performance"])
    assert plain.locator(".copybutton").count() == 0
    plain.locator("summary").first.click()
    assert plain.locator("details[open]").count() == 1
    context.close()


def test_a_frame_shows_on_another_site_and_a_page_does_not(page, address, filled, foreign) -> None:
    id = filled.performance.id
    framed = f'<iframe src="{address}/embed/{id}" width="100%" height="360"></iframe>'
    with foreign(framed) as at:
        page.goto(at)
        frame = page.frame_locator("iframe")
        assert frame.locator("h1").inner_text().startswith("Encoder-small")
        assert frame.locator("svg").count() == 1
        assert page.faults == []
    with foreign(f'<iframe src="{address}/claims/{id}"></iframe>') as at:
        page.goto(at)
        page.wait_for_timeout(200)
        assert any("frame-ancestors" in fault for fault in page.faults)
