"""What stands on other people's pages, parsed back."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
import yaml

from verilora.web.claim_page import FORMATS
from verilora.web.finding import Site
from verilora.web.sharing import CITED, badge, feed

ATOM = "{http://www.w3.org/2005/Atom}"


class Frames(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[dict] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        assert tag == "iframe"
        self.found.append(dict(attrs))


def test_oembed_gives_a_frame(client, filled) -> None:
    id = filled.claims[0].id
    got = client.get("/oembed", params={"url": f"http://testserver/claims/{id}"}).json()
    assert (got["type"], got["version"], got["height"]) == ("rich", "1.0", 360)
    (frame,) = Frames(got["html"]).found
    assert frame["src"] == f"http://testserver/embed/{id}"
    assert (frame["width"], frame["height"]) == ("100%", "360")


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("http://elsewhere.example/claims/d7b97d1b93d8d8bc", 404),
        ("http://testserver/claims/zz", 404),
        ("javascript:alert(1)", 404),
        ("http://testserver/", 404),
    ],
)
def test_oembed_knows_its_own_addresses_alone(url: str, status: int, client) -> None:
    assert client.get("/oembed", params={"url": url}).status_code == status


def test_oembed_is_json_alone(client, filled) -> None:
    url = f"http://testserver/claims/{filled.claims[0].id}"
    asked = {"url": url, "format": "xml"}
    assert client.get("/oembed", params=asked).status_code == 501
    small = client.get("/oembed", params={"url": url, "maxwidth": 300, "maxheight": 200}).json()
    assert (small["width"], small["height"]) == (300, 200)
    (frame,) = Frames(small["html"]).found
    assert (frame["width"], frame["height"]) == ("100%", "200")
    assert "max-width:300px" in frame["style"]


def test_a_badge_has_a_sign_and_a_word(filled) -> None:
    house = Site(filled.registry)
    for claim, wanted in (
        (filled.claims[0].id, "✓ stands"),
        (filled.performance.id, "✓ reproduced"),
        (filled.gone.id, "✗ retracted"),
    ):
        root = ElementTree.fromstring(badge(house, claim))
        texts = [piece.text for piece in root.iter("{http://www.w3.org/2000/svg}text")]
        assert texts == ["verilora", wanted]


@pytest.mark.parametrize("ending", CITED)
def test_every_citation_names_the_digest(ending: str, client, filled) -> None:
    text = client.get(f"/cite/{filled.claims[0].id}.{ending}").text
    assert filled.entries[0].digest[:19] in text
    assert "testserver/api/v1/claims/" in text


def test_citations_are_read_by_their_programs(client, filled) -> None:
    id = filled.claims[0].id
    (item,) = json.loads(client.get(f"/cite/{id}.csl.json").text)
    assert item["title"] == filled.claims[0].statement.removesuffix(".")
    assert yaml.safe_load(client.get(f"/cite/{id}.cff").text)["cff-version"] == "1.2.0"
    assert client.get(f"/cite/{id}.exe").status_code == 404
    assert set(FORMATS.values()) <= set(CITED)


def test_a_tag_has_a_feed(client, filled, read_page) -> None:
    answer = client.get("/tags/mrpc.atom")
    assert answer.headers["content-type"] == "application/atom+xml"
    assert answer.headers["access-control-allow-origin"] == "*"
    root = ElementTree.fromstring(answer.content)
    titles = [entry.findtext(f"{ATOM}title") for entry in root.findall(f"{ATOM}entry")]
    assert titles == [filled.performance.statement]
    assert root.findtext(f"{ATOM}id") == "http://testserver/tags/mrpc.atom"
    assert client.get("/tags/none-such.atom").status_code == 404
    assert "/tags/mrpc.atom" in read_page(client.get("/tags/mrpc").text).links()


def test_a_feed_holds_what_a_record_may_and_xml_may_not(fresh) -> None:
    """U+FFFE and U+FFFF are text in JSON, and no XML file has them."""
    claim = fresh.claim("A\ufffe\uffffB & <C>")
    fresh.admit(claim)
    root = ElementTree.fromstring(feed(Site(fresh.registry)))
    assert "A\ufffd\ufffdB & <C> introduced" in (root.findtext(f"{ATOM}entry/{ATOM}title") or "")


def test_the_feed_is_atom(client, filled) -> None:
    root = ElementTree.fromstring(client.get("/feed.atom").content)
    assert root.tag == f"{ATOM}feed"
    entries = root.findall(f"{ATOM}entry")
    titles = [entry.findtext(f"{ATOM}title") for entry in entries]
    assert filled.performance.statement in titles
    assert filled.gone.statement not in titles
    assert all(entry.findtext(f"{ATOM}id").startswith("urn:sha256:") for entry in entries)
    assert root.findtext(f"{ATOM}updated") >= entries[0].findtext(f"{ATOM}updated")
