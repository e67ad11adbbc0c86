"""The site as files: every link leads to a file that is there."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import unquote

import pytest

from verilora.errors import OutputError
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


def test_a_long_list_is_several_files(fresh, tmp_path: Path) -> None:
    claims = [fresh.claim(f"Method {n}") for n in range(101)]
    list(fresh.registry.admit_many(map(fresh.sign, claims)))
    export(Site(fresh.registry), tmp_path / "site")
    first = (tmp_path / "site/claims.html").read_text("utf-8")
    assert 'href="claims-2.html"' in first
    second = (tmp_path / "site/tags/lora-2.html").read_text("utf-8")
    assert second.count('class="title"') == 1
    assert "lora-3" not in second


def test_nothing_is_overwritten_unasked(written: Path, filled) -> None:
    with pytest.raises(OutputError):
        export(Site(filled.registry), written)
