"""Every page opens, is sound, and tells what it is about."""

from __future__ import annotations

import pytest

from verilora.web import site

NAMES = (
    *("home", "search", "claims", "claim", "performance", "retracted", "verdicts", "verdict"),
    *("proxy", "run", "papers", "paper", "tags", "tag", "methodology", "anchors"),
)
VERDICT = "5 runs gave 89.5 ± 0.8; the paper says 89.7 ± 0.7; the same within 1.4."


@pytest.mark.parametrize("name", NAMES)
def test_every_page_is_sound_and_small(name, client, pages, read_page) -> None:
    answer = client.get(pages[name])
    assert answer.status_code == 200, answer.text
    assert len(answer.content) <= 30 * 1024
    page = read_page(answer.text)
    ids = [attrs["id"] for _, attrs in page.elements if attrs.get("id")]
    tags = [tag for tag, _ in page.elements]
    assert len(ids) == len(set(ids))
    assert (tags.count("h1"), tags.count("main")) == (1, 1)
    assert not any("style" in attrs for _, attrs in page.elements)
    assert not {"iframe", "object", "style"} & set(tags)


@pytest.mark.parametrize("name", NAMES)
def test_every_page_has_a_twin(name, client, pages, read_page) -> None:
    """The page names it, and it is JSON."""
    page = read_page(client.get(pages[name]).text)
    twins = [href for href in page.links() if href.endswith(".json") and "openapi" not in href]
    if name == "search":
        assert client.get("/search.json?q=lora").json()["count"]
        return
    assert client.get(twins[-1]).json()


@pytest.mark.parametrize("name", NAMES)
def test_every_link_within_leads_somewhere(name, client, pages, read_page) -> None:
    page = read_page(client.get(pages[name]).text)
    within = {href for href in page.links() if href.startswith("/")}
    assert within
    for href in sorted(within):
        assert client.get(href).status_code == 200, href


def test_a_claim_about_a_performance_tells_all_in_order(client, pages, read_page) -> None:
    text = read_page(client.get(pages["performance"]).text).text
    wanted = (
        "Encoder-small (Bridges) reaches: 89.5 % accuracy on MRPC with 5 seeds.",
        "✓ reproduced",
        "margin ±1.4",
        "What differs from the paper",
        "Nothing: all 12 dimensions",
        "Sources",
        "Cite",
        "Embed",
        "Check it yourself",
        "verilora verify",
        "Signature:",
        "History",
        "Related",
    )
    at = [text.index(piece) for piece in wanted[:1]]
    for piece in wanted[1:]:
        at.append(text.index(piece, at[-1]))
    assert at == sorted(at)


def test_a_claim_about_a_fact_shows_its_sources(client, pages, read_page) -> None:
    text = read_page(client.get(pages["claim"]).text).text
    for piece in (
        "✓ stands",
        "Confidence 1.00: a primary source, and an independent check.",
        "We propose Low-Rank Adaptation, or LoRA.",
        "arXiv · preprint · 2021-06-17",
        "shares 2 tags (fine-tuning, lora)",
    ):
        assert piece in text, piece


def test_what_was_retracted_says_so_everywhere(client, filled, read_page) -> None:
    id = filled.gone.id
    for path in (f"/claims/{id}", f"/embed/{id}"):
        text = read_page(client.get(path).text).text
        assert "✗ retracted" in text
        assert "The quote was wrong." in text
    assert "✗ retracted" in client.get(f"/badge/{id}.svg").text
    assert client.get(f"/claims/{id}.json").json()["standing"] == "retracted"
    assert id not in client.get("/claims").text
    assert id not in client.get("/search?q=lora").text
    assert client.get(f"/oembed?url=http://testserver/claims/{id}").json()["cache_age"] <= 60


def test_a_search_that_finds_very_many_shows_the_best(client, monkeypatch, read_page) -> None:
    monkeypatch.setattr(site, "MOST_SHOWN", 2)
    found = client.get("/search.json?q=paper").json()
    assert found["count"] > 2
    page = client.get("/search?q=paper").text
    assert "The best 2 claims; further words narrow it down" in read_page(page).text
    shown = [one["claim"]["id"] for one in found["results"] if one["claim"]["id"] in page]
    assert len(shown) == 2


def test_a_verdict_tells_its_numbers(client, pages, read_page) -> None:
    text = read_page(client.get(pages["verdict"]).text).text
    for piece in (VERDICT, "This is the current verdict", "EV-002", "seed 0", "verilora judge"):
        assert piece in text, piece
    text = read_page(client.get(pages["proxy"]).text).text
    for piece in ("base model and its revision", "their base", "our base", "The other 9 of 12"):
        assert piece in text, piece
    assert "This is not the current verdict" in text


def test_what_is_not_there_is_told_to_people(client, read_page) -> None:
    answer = client.get("/claims/zz")
    assert answer.status_code == 404
    assert "There is no claim of that id here." in read_page(answer.text).text
    assert client.get("/tags/none-such").status_code == 404
    assert client.get("/nothing").status_code == 404
