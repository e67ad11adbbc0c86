"""JSON-LD on a claim's page: one data block, whatever the claim says."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest
from fastapi.testclient import TestClient

from verilora.records.claim import Claim
from verilora.web.app import create_app
from verilora.web.finding import Site


class Blocks(HTMLParser):
    """The texts of JSON-LD scripts, and the names of all elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.blocks: list[str] = []
        self.names: list[str] = []
        self._inside = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        self._inside = dict(attrs).get("type") == "application/ld+json"

    def handle_data(self, data):
        if self._inside:
            self.blocks.append(data)

    def handle_endtag(self, tag):
        self._inside = False


def block_of(client, id: str) -> dict:
    (text,) = Blocks(client.get(f"/claims/{id}").text).blocks
    return json.loads(text)


def test_a_claim_is_described(client, filled) -> None:
    claim = filled.claims[0]
    told = block_of(client, claim.id)
    assert (told["@type"], told["name"]) == ("Claim", claim.statement)
    assert told["@id"] == f"http://testserver/claims/{claim.id}"
    assert told["identifier"] == [claim.id, filled.entries[0].digest]
    assert [one["url"] for one in told["citation"]] == [one.url for one in claim.sources]
    assert told["creativeWorkStatus"] == "stands"
    assert client.get(told["encoding"]["contentUrl"]).json()["payload"]


def test_a_retraction_is_told(client, filled) -> None:
    assert block_of(client, filled.gone.id)["creativeWorkStatus"] == "retracted"


@pytest.mark.parametrize(
    "payload",
    [
        "</script><script>alert(1)</script>",
        "<!--<script>",
        "</SCRIPT ><img src=x onerror=alert(1)>",
        "\"}</script>&lt;b&gt; ' \\u003c",
    ],
)
def test_nothing_breaks_out_of_it(payload: str, fresh) -> None:
    plain, hostile = fresh.claim("X"), fresh.claim(payload)
    source = hostile.sources[0].to_mapping() | {"title": payload, "publisher": payload}
    hostile = Claim.model_validate({**hostile.to_mapping(), "sources": [source] * 1})
    for one in (plain.replace(sources=plain.sources[:1]), hostile):
        fresh.admit(one)
    client = TestClient(create_app(Site(fresh.registry, "http://testserver")))
    told = block_of(client, hostile.id)
    assert told["name"] == hostile.statement
    assert told["citation"][0]["name"] == told["citation"][0]["publisher"]["name"] == payload
    bare, page = (Blocks(client.get(f"/claims/{one.id}").text) for one in (plain, hostile))
    assert page.names == bare.names
