"""`serve` and `registry export`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from verilora.cli.web import _named, _seed_key


def test_serve_seeds_an_empty_registry_and_says_where(verilora, tmp_path, monkeypatch) -> None:
    from verilora.web import serve

    asked = []
    monkeypatch.setattr(serve, "serve", lambda house, **given: asked.append((house, given)))
    database = tmp_path / "registry.sqlite"
    told = verilora("serve", "--database", database, "--port", 8123)
    assert (told.status, "http://127.0.0.1:8123" in told.out) == (0, True)
    assert "begins with" in told.err
    house, given = asked[0]
    assert given.pop("workers") == serve.workers_for(str(database))
    assert given == {"host": "127.0.0.1", "port": 8123, "database": str(database)}
    assert house.address == "http://127.0.0.1:8123"
    again = verilora("serve", "--database", database, "--address", "https://x.example/", "--json")
    assert json.loads(again.out)["address"] == "https://x.example/"
    assert asked[1][0].address == "https://x.example"
    assert "begins with" not in again.err


def test_several_processes_cannot_serve_what_one_has_in_memory(verilora, monkeypatch) -> None:
    from verilora.web import serve

    asked = []
    monkeypatch.setattr(serve, "serve", lambda house, **given: asked.append(given["workers"]))
    told = verilora("serve", "--database", "sqlite:///:memory:", "--workers", 2)
    assert told.status == 1
    assert "--workers 1" in told.err
    assert verilora("serve", "--database", "sqlite:///:memory:").status == 0
    assert verilora("serve", "--database", "sqlite:///:memory:", "--workers", 1).status == 0
    assert asked == [1, 1]


def test_export_writes_the_site(verilora, tmp_path: Path) -> None:
    from verilora.registry import open_registry
    from verilora.web.seed import seed

    database = tmp_path / "registry.sqlite"
    with open_registry(str(database)) as registry:
        seed(registry, _seed_key())
    told = verilora("registry", "export", tmp_path / "site", "--database", database, "--json")
    assert told.status == 0, told.err
    files = [path for path in (tmp_path / "site").rglob("*") if path.is_file()]
    assert json.loads(told.out)["files"] == len(files)
    assert (tmp_path / "site/claims/d7b97d1b93d8d8bc.html").is_file()
    again = verilora("registry", "export", tmp_path / "site", "--database", database)
    assert again.status == 1
    assert "site" in again.err
    forced = verilora("registry", "export", tmp_path / "site", "--database", database, "--force")
    assert forced.status == 0


def test_without_the_extra_it_is_named(verilora, monkeypatch, tmp_path) -> None:
    for name in [name for name in sys.modules if name.startswith("verilora.web")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    told = verilora("serve", "--database", tmp_path / "registry.sqlite")
    assert told.status == 1
    assert "verilora[web]" in told.err


@pytest.mark.parametrize(
    ("host", "named"), [("0.0.0.0", "localhost"), ("::1", "[::1]"), ("10.0.0.1", "10.0.0.1")]
)
def test_an_address_is_one_that_a_browser_takes(host: str, named: str) -> None:
    assert _named(host) == named
