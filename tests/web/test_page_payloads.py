"""Every text of every record filled with markup: pages have the elements that they had before."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from fastapi.testclient import TestClient
from pydantic import BaseModel, ValidationError

from verilora.registry.store import open_registry
from verilora.web.app import create_app
from verilora.web.finding import Site

PLAIN = "some words"
PAYLOADS = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)> ' onmouseover='alert(1)",
    "</script></style></title><svg/onload=alert(1)>",
    "javascript:alert(1)",
    "&#x6A;avascript:alert(1)",
    "{{ 7 * 191 }}{% raw %}${7*191}#{7*191}<%= 7*191 %>",
    "]]><![CDATA[--><x>",
    "\u05d0\u05d1right\u200d\ufffe<i>",
)
KEPT = ("format", "id", "main_metric", "arxiv_id", "paper_arxiv_id")
"""Keys that other things follow from."""
ADDRESS = re.compile(r"/|#|https?://")


class Elements(HTMLParser):
    """The elements of a page with the names of their attributes, its addresses, and its words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.shape: list[tuple[str, tuple[str, ...]]] = []
        self.addresses: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # A class may follow from a text's length.
        self.shape.append((tag, tuple(sorted(name for name, _ in attrs if name != "class"))))
        self.addresses += [v or "" for name, v in attrs if name in ("href", "src", "action")]

    def handle_data(self, data: str) -> None:
        self.words += data.replace("\u00a0", " ")


def texts_in(data: Any) -> Iterator[tuple[Any, Any]]:
    """(holder, key) of every text, and of what is null and might be one."""
    for key, value in data.items() if isinstance(data, dict) else enumerate(data):
        if isinstance(value, (dict, list)):
            yield from texts_in(value)
        elif (isinstance(value, str) or value is None) and key not in KEPT:
            yield data, key


def filled_with(record: Any, text: str) -> Any:
    """The record with the text in every place that takes it."""
    kind: type[BaseModel] = type(record)
    data = json.loads(record.canonical())
    for holder, key in list(texts_in(data)):
        before, holder[key] = holder[key], text
        try:
            kind.model_validate(data)
        except ValidationError:
            holder[key] = before
    return kind.model_validate(data)


def site_of(make: Any, text: str) -> dict[str, str]:
    """Name -> path of everything that shows a record."""
    run = make.admit(filled_with(make.run(0), text))
    document = make.document(87.2, 88.1, 86.9, runs=(run.record_digest,) * 3)
    document = filled_with(document, text)
    verdict = make.admit(document)
    claim = filled_with(make.claim(text), text)
    claims = [claim, filled_with(make.performance(verdict, document.verdict), text)]
    records = [run, verdict, *map(make.admit, claims)]
    for record in records:
        make.admit(filled_with(make.notice(record.digest, "dispute"), text))
    make.admit(filled_with(make.report(), text))
    paths = ["/", "/search?q=lora", "/claims", "/verdicts", "/papers", "/anchors", "/tags/lora"]
    paths += [f"/{kind}/{one.id}" for kind in ("claims", "embed") for one in claims]
    paths += ["/feed.atom", "/tags/lora.atom", *(f"/badge/{one.id}.svg" for one in claims)]
    named = {f"{number} {path.split('/')[1]}": path for number, path in enumerate(paths)}
    named |= {"verdict": f"/verdicts/{verdict.digest[7:]}", "run": f"/runs/{run.digest[7:]}"}
    return named | {"paper": "/papers/2106.09685"}


def answers(make: Any, text: str) -> dict[str, str]:
    client = TestClient(create_app(Site(make.registry, "http://testserver")))
    found = {name: client.get(path) for name, path in site_of(make, text).items()}
    assert {name for name, answer in found.items() if answer.status_code != 200} == set()
    return {name: answer.text for name, answer in found.items()}


@pytest.fixture(scope="module")
def before(filled, tmp_path_factory) -> dict[str, str]:
    path: Path = tmp_path_factory.mktemp("plain") / "registry.sqlite"
    with open_registry(str(path)) as registry:
        return answers(type(filled.maker)(registry), PLAIN)


def test_texts_are_shown_at_all(before: dict[str, str]) -> None:
    """Else the rest of this file would show nothing."""
    silent = {name for name, text in before.items() if PLAIN not in text}
    assert {name.partition(" ")[2] for name in silent} == {"badge"}


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_text_becomes_an_element(payload: str, before: dict[str, str], fresh) -> None:
    after = answers(fresh, payload)
    assert set(after) == set(before)
    for name, text in after.items():
        if "<html" not in text:
            told = [[n.tag for n in ElementTree.fromstring(t).iter()] for t in (before[name], text)]
            assert told[0] == told[1], name
            continue
        plain, hostile = Elements(before[name]), Elements(text)
        assert hostile.shape == plain.shape, name
        assert all(map(ADDRESS.match, hostile.addresses)), name
        assert payload in hostile.words, name
        assert "1337" not in hostile.words
