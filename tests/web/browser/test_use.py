"""Pages by keyboard alone, on paper, and with the button that copies."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser
FOCUSED = "document.activeElement.textContent.trim()"
REACHABLE = """() => [...document.querySelectorAll('a[href], button, input, summary')]
  .filter(one => one.checkVisibility()).length"""
MARK = """() => {
  const one = document.activeElement, box = one.getBoundingClientRect();
  const style = getComputedStyle(one);
  one.dataset.reached = 'yes';
  return {
    body: one === document.body, told: one.outerHTML.slice(0, 90),
    outline: style.outlineStyle, width: parseFloat(style.outlineWidth),
    seen: box.right > 0 && box.bottom > 0 && box.width > 0,
  };
}"""


@pytest.mark.parametrize("name", ["home", "performance", "claim", "verdict", "run", "methodology"])
def test_the_keyboard_reaches_every_control_and_shows_where_it_is(name, page, address, pages):
    page.goto(address + pages[name])
    wanted = page.evaluate(REACHABLE)
    for reached in range(wanted):
        page.keyboard.press("Tab")
        found = page.evaluate(MARK)
        assert not found["body"], f"only {reached} of {wanted} controls are reached"
        assert found["outline"] == "solid" and found["width"] >= 2, found["told"]
        assert found["seen"], found["told"]
    assert page.locator("[data-reached]").count() == wanted


def test_the_first_key_leads_past_the_navigation(page, address, pages):
    page.goto(address + pages["claim"])
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUSED) == "To the content"
    page.keyboard.press("Enter")
    assert page.url.endswith("#content")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")


def test_what_is_folded_opens_by_key(page, address, pages):
    page.goto(address + pages["claim"])
    page.locator("summary").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("details[open]").count() == 1


def test_a_printed_page_has_no_navigation_and_its_links_can_be_read(page, address, pages):
    page.goto(address + pages["claim"])
    page.emulate_media(media="print")
    for unwanted in (".bar", ".skip", ".copybutton"):
        assert not page.locator(unwanted).first.is_visible(), unwanted
    source = page.locator(".sources a[href^=http]").first
    shown = source.evaluate("one => getComputedStyle(one, '::after').content")
    assert source.get_attribute("href") in shown
    same = "one => getComputedStyle(one).color === getComputedStyle(one.parentElement).color"
    assert source.evaluate(same)
    folded = page.locator("details table").first
    assert folded.is_visible(), "what is folded is printed"
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.goto(address + pages["search"])
    assert not page.locator("form.search").is_visible()


def test_a_dark_page_is_printed_dark_on_light(page, address, pages):
    page.emulate_media(media="print", color_scheme="dark")
    page.goto(address + pages["performance"])
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.querySelector('h1')).color") == "rgb(0, 0, 0)"
    band = page.locator("svg .band").evaluate("one => getComputedStyle(one).fill")
    assert min(map(int, band.removeprefix("rgb(").rstrip(")").split(","))) > 200


def test_a_copy_button_copies(browser, address, filled):
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(f"{address}/claims/{filled.claims[0].id}")
    page.locator(".copybutton").first.click()
    page.get_by_text("copied").wait_for()
    assert filled.claims[0].statement in page.evaluate("navigator.clipboard.readText()")
    context.close()
