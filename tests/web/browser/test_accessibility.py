"""No page breaks any of axe-core's rules, in either scheme, on a screen or a phone.

axe-core is taken from .venv/browser, where .ci/test-tools puts it, or from the file $VERILORA_AXE.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser
ROOT = Path(__file__).resolve().parents[3]
AXE = Path(
    os.environ.get("VERILORA_AXE") or ROOT / ".venv/browser/node_modules/axe-core/axe.min.js"
)
RUN = """async () => (await axe.run(document)).violations.flatMap(rule =>
  rule.nodes.map(node => `${rule.id}: ${node.html.slice(0, 120)} (${node.failureSummary})`))"""
OPEN = "document.querySelectorAll('details').forEach(one => { one.open = true })"
SCREENS = {"light": 1280, "dark": 375}


@pytest.fixture(scope="module")
def axe() -> str:
    if not AXE.is_file():
        pytest.skip("NO AXE-CORE HERE: THE PAGES WERE NOT TESTED FOR ACCESSIBILITY")
    return AXE.read_text("utf-8")


@pytest.mark.parametrize("scheme", SCREENS)
def test_no_rule_is_broken(scheme, page, everywhere, address, axe) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": SCREENS[scheme], "height": 900})
    found = {}
    for name, path in everywhere.items():
        page.goto(address + path)
        page.evaluate(OPEN)
        page.evaluate(axe)
        broken = page.evaluate(RUN)
        if broken:
            found[name] = broken
    assert found == {}


def test_a_broken_page_is_found(page, axe) -> None:
    page.set_content("<p style='color:#999;background:#aaa'>faint</p><img src='data:,'>")
    page.evaluate(axe)
    rules = {told.partition(":")[0] for told in page.evaluate(RUN)}
    assert {"color-contrast", "image-alt", "html-has-lang"} <= rules
