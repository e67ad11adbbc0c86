"""Whatever a record says is text on every page: payloads through every renderer, parsed back."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest
from fastapi.testclient import TestClient

from verilora.records.claim import Claim
from verilora.web.app import create_app
from verilora.web.finding import Site
from verilora.web.page import files, fill, safe_link

PAYLOADS = (
    "<script>alert(1)</script>",
    "</title></style></script><img src=x onerror=alert(2)>",
    "\"><svg onload=alert(3)> ' onmouseover='alert(4)",
    "{{ 7 * 7 }}{% for x in y %}",
    "]]><!-- --><![CDATA[",
    "javascript:alert(5)",
)
DATA = {"type": "application/ld+json"}
"""A block of data, which no browser runs."""


def dangerous(page) -> list:
    """Attributes that run something, scripts within the page, links that lead nowhere."""
    found = [
        (tag, name, value)
        for tag, attrs in page.elements
        for name, value in attrs.items()
        if name.startswith("on")
        or (name in ("href", "src", "action") and not str(value).startswith(("/", "#", "http")))
    ]
    return found + [
        (tag, attrs)
        for tag, attrs in page.elements
        if (tag == "script" and set(attrs) != {"src", "defer"} and attrs != DATA)
        or tag in ("iframe", "object", "style")
        or (tag == "img" and not attrs["src"].startswith("/static/"))
    ]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_text_of_a_claim_becomes_markup(payload: str, fresh, read_page) -> None:
    claim = fresh.claim(payload, payload, confidence_rule=payload)
    source = {**claim.sources[0].to_mapping(), "title": payload, "publisher": payload}
    source |= {"quote": payload, "url": "https://example.org/?a=%22&b=<".replace("<", "%3C")}
    hostile = Claim.model_validate({**claim.to_mapping(), "sources": [source]})
    entry = fresh.admit(hostile)
    fresh.admit(fresh.notice(entry.digest, "dispute", reason=payload))
    client = TestClient(create_app(Site(fresh.registry, "http://testserver")))
    for path in (f"/claims/{claim.id}", f"/embed/{claim.id}", "/claims", "/", "/tags/lora"):
        answer = client.get(path)
        page = read_page(answer.text)
        assert dangerous(page) == []
        assert " ".join(payload.split()) in page.text
    searched = read_page(client.get("/search", params={"q": payload}).text)
    assert dangerous(searched) == []
    values = [attrs.get("value") for tag, attrs in searched.elements if tag == "input"]
    assert payload in values
    feed = ElementTree.fromstring(client.get("/feed.atom").content)
    assert payload in [node.text.split(" introduced")[0] for node in feed.iter() if node.text]
    ElementTree.fromstring(client.get(f"/badge/{claim.id}.svg").content)
    told = client.get(f"/api/v1/claims/{claim.id}.json").json()
    assert told["subject"] == payload
    framed = client.get("/oembed", params={"url": f"http://testserver/claims/{claim.id}"}).json()
    assert framed["html"].count("<") == 2


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_text_of_a_verdict_or_run_becomes_markup(payload: str, fresh, read_page) -> None:
    run = fresh.admit(fresh.run(0, recipe=payload, environment={payload: payload}))
    document = fresh.document(
        89.0,
        89.5,
        90.0,
        quote=payload,
        title=payload,
        abstract=payload,
        runs=(run.record_digest,) * 3,
    )
    entry = fresh.admit(document)
    performance = fresh.admit(fresh.performance(entry, document.verdict))
    assert performance.is_new
    client = TestClient(create_app(Site(fresh.registry, "http://testserver")))
    claim = fresh.registry.claims().items[0].id
    bare = entry.digest.removeprefix("sha256:")
    paths = [f"/verdicts/{bare}", f"/runs/{run.digest.removeprefix('sha256:')}", "/papers"]
    for path in (*paths, "/papers/2106.09685", "/verdicts", f"/claims/{claim}", f"/embed/{claim}"):
        assert dangerous(read_page(client.get(path).text)) == [], path
    told = json.loads(client.get(f"/verdicts/{bare}.json").content)
    assert told["paper"]["title"] == payload


def test_links_lead_to_the_web_alone() -> None:
    assert safe_link("https://example.org/a?b=c") == "https://example.org/a?b=c"
    for bad in ("javascript:alert(1)", "data:text/html,x", "//example.org", "", "ftp://x/", "h"):
        assert safe_link(bad) == ""


def test_addresses_of_files_hold_their_digest() -> None:
    assert sorted(path.rpartition(".")[2] for path in files()) == ["css", "js", "svg"]
    assert len(fill("problem.html", Site(None).links, title="T", status=404, detail="d")) > 500
