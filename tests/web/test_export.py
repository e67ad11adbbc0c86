"""The site as files: every link leads to a file that is there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from fastapi.testclient import TestClient

from verilora.errors import OutputError
from verilora.web import site
from verilora.web.app import create_app
from verilora.web.export import export
from verilora.web.finding import Site


@pytest.fixture(scope="module")
def written(filled, tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("export") / "site"
    count = export(Site(filled.registry, "https://claims.example"), directory)
    assert count == sum(path.is_file() for path in directory.rglob("*"))
    return directory


def test_every_link_leads_to_a_file(written: Path, read_page) -> None:
    pages = list(written.rglob("*.html"))
    assert len(pages) > 15
    for path in pages:
        for href in read_page(path.read_text("utf-8")).links():
            if not href.startswith(("http", "#")):
                target = (path.parent / unquote(href)).resolve()
                assert target.is_file(), f"{path}: {href}"


def test_the_answers_for_programs_are_there(written: Path, filled) -> None:
    claim = json.loads((written / f"api/v1/claims/{filled.claims[0].id}.json").read_bytes())
    assert claim["url"] == f"https://claims.example/claims/{filled.claims[0].id}"
    assert json.loads((written / "api/v1/papers/2106.09685.json").read_bytes())["verdict"]
    assert json.loads((written / "api/v1/openapi.json").read_bytes())["paths"]
    assert (written / f"claims/{filled.gone.id}.html").is_file()
    assert "search" not in {path.stem for path in written.iterdir()}


def test_files_are_what_a_server_answers(written: Path, filled) -> None:
    client = TestClient(create_app(Site(filled.registry, "https://claims.example")))
    kinds = ("api/v1/claims", "api/v1/envelopes", "api/v1/payloads", "badge", "cite")
    names = [path for kind in kinds for path in (written / kind).iterdir()]
    assert len(names) > 20
    for path in names:
        asked = f"/{path.relative_to(written).as_posix()}"
        assert client.get(asked).content == path.read_bytes(), asked


def test_a_long_list_is_several_files(fresh, tmp_path: Path) -> None:
    claims = [fresh.claim(f"Method {n}") for n in range(101)]
    list(fresh.registry.admit_many(map(fresh.sign, claims)))
    export(Site(fresh.registry), tmp_path / "site")
    first = (tmp_path / "site/claims.html").read_text("utf-8")
    assert 'href="claims-2.html"' in first
    second = (tmp_path / "site/tags/lora-2.html").read_text("utf-8")
    assert second.count('class="title"') == 1
    assert "lora-3" not in second
    for folder in ("", "api/v1/", "tags/"):
        name, seen = "lora.json" if folder == "tags/" else "claims.json", []
        while name:
            told = json.loads((tmp_path / "site" / folder / name).read_bytes())
            seen += [claim["id"] for claim in told["claims"]]
            name = told.get("next")
        assert len(seen) == len(set(seen)) == 101


def test_every_address_in_an_answer_is_that_of_a_file(written: Path) -> None:
    """Also of a verdict that a claim names by the digest of its record."""
    found = set()
    for path in written.rglob("*.json"):
        found |= set(re.findall(r'"https://claims\.example(/[^"?]*)"', path.read_text("utf-8")))
    assert len(found) > 20
    for address in sorted(found):
        name = address.strip("/") or "index"
        assert any((written / end).is_file() for end in (name, f"{name}.html")), address


def test_no_text_is_in_the_name_of_a_file(fresh, tmp_path: Path) -> None:
    for text in ("../../x", "a b", "c:\\d", "<e>"):
        fresh.admit(fresh.claim(text))
        document = fresh.document(87.2, 88.1, 86.9, arxiv_id=text, title=text)
        fresh.admit(document)
    fresh.admit(fresh.document(87.2, 88.1, 86.9, arxiv_id="cs.CL/9901001"))
    export(Site(fresh.registry), tmp_path / "site")
    names = {str(path.relative_to(tmp_path)) for path in (tmp_path / "site").rglob("*")}
    assert all(re.fullmatch(r"site[a-z0-9/._-]*", name.replace("cs.CL", "")) for name in names)
    assert "site/papers/cs.CL/9901001.html" in names


def test_when_asked_all_is_replaced_and_a_fault_leaves_what_was_there(
    fresh, tmp_path: Path, monkeypatch
) -> None:
    fresh.admit(fresh.claim("A"))
    made, stale = tmp_path / "site", tmp_path / "site" / "stale.html"
    export(Site(fresh.registry), made)
    stale.write_text("of an older export")
    monkeypatch.setattr(site, "methodology", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export(Site(fresh.registry), made, overwrite=True)
    assert stale.is_file()
    left = {path.name for path in tmp_path.iterdir() if not path.name.startswith("registry")}
    assert left == {"site"}
    monkeypatch.undo()
    export(Site(fresh.registry), made, overwrite=True)
    assert not stale.exists()


def test_nothing_is_overwritten_unasked(written: Path, filled) -> None:
    with pytest.raises(OutputError):
        export(Site(filled.registry), written)
