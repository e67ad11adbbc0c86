"""Opening: the default file, URLs that are none, other files, and passwords that stay unseen."""

from __future__ import annotations

import stat
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url, text

from verilora.errors import RegistryError
from verilora.registry import Registry, open_registry
from verilora.registry.engine import connect, default_path, reading, told, writing


def test_without_a_url_it_is_a_file_among_the_users_data(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    open_registry().close()
    assert default_path() == tmp_path / "verilora" / "registry.sqlite"
    assert stat.S_ISREG(default_path().stat().st_mode)
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    assert default_path() == Path.home() / ".local/share/verilora/registry.sqlite"


def test_sqlite_writes_ahead_and_waits_for_the_disk(small: Registry) -> None:
    with small._engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2


@pytest.mark.parametrize("url", ["mysql://u:hush@h/d", "://", "sqlite+nothing://", "x://y"])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(RegistryError, match=r"sqlite|wanted") as refused:
        open_registry(url)
    assert "hush" not in str(refused.value)


def test_another_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("not a database, but long enough to be looked at" * 30)
    before = other.read_bytes()
    with pytest.raises(RegistryError, match=r"notes\.txt"):
        open_registry(str(other))
    assert other.read_bytes() == before


def test_a_later_format_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "later.sqlite")
    with open_registry(path) as registry, writing(registry._engine) as connection:
        connection.execute(text("UPDATE about SET value = 'verilora.registry/9'"))
    with pytest.raises(RegistryError, match="registry/9"):
        open_registry(path)


def test_a_password_is_never_told(url: str) -> None:
    parsed = make_url(url)
    with open_registry(url) as registry:
        assert "s3cret" not in registry.url + repr(registry._engine)
    if parsed.get_backend_name() == "sqlite":
        parsed = make_url("postgresql+psycopg://u:s3cret-w0rd@127.0.0.1:1/d")
    wrong = parsed.set(password="s3cret-no", query={"connect_timeout": "2"})
    with pytest.raises(RegistryError) as refused:
        open_registry(wrong.render_as_string(hide_password=False))
    shown = "".join(traceback.format_exception(refused.value)) + repr(refused.value.facts)
    assert "s3cret" not in shown
    assert told(make_url("postgresql://u@h/d?password=s3cret")) == "postgresql://u@h/d"


def test_one_writes_at_a_time_and_readers_see_one_state(registry: Registry, make: Any) -> None:
    with reading(registry._engine) as connection:
        count = text("SELECT count(*) FROM log")
        assert connection.execute(count).scalar() == 0
        make.admit(registry, make.claim())
        assert connection.execute(count).scalar() == 0
    assert registry.counts().records == 1


def test_at_once_all_is_read_of_one_state(registry: Registry, make: Any) -> None:
    make.admit(registry, make.claim("A"))
    with registry.at_once():
        assert registry.newest() == 1
        with ThreadPoolExecutor(1) as other:
            other.submit(make.admit, registry, make.claim("B")).result()
            assert other.submit(registry.newest).result() == 2
        with registry.at_once():
            assert registry.newest() == registry.counts().records == 1
        assert len(registry.claims().items) == 1
        with pytest.raises(RegistryError):
            registry.claims(limit=0)
        assert registry.newest() == 1
    assert registry.newest() == 2
    assert len(registry.claims().items) == 2


def test_a_transaction_that_fails_leaves_nothing(registry: Registry) -> None:
    add = text("INSERT INTO about (name, value) VALUES ('x', 'y')")
    with pytest.raises(ZeroDivisionError), writing(registry._engine) as connection:
        connection.execute(add)
        raise ZeroDivisionError
    with reading(registry._engine) as connection:
        assert connection.execute(text("SELECT count(*) FROM about")).scalar() == 1


def test_a_database_that_another_holds_is_told_of(
    tmp_path: Path, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("verilora.registry.engine.WAIT_SECONDS", 0.05)
    path = str(tmp_path / "r.sqlite")
    with open_registry(path) as one, open_registry(path) as other, writing(one._engine):
        with pytest.raises(RegistryError, match=r"locked; .*try again"):
            make.admit(other, make.claim())
        assert other.counts().records == 0


@pytest.mark.parametrize("table", ["records", "search"])
def test_a_table_that_is_gone_is_told_of_and_made_again(
    registry: Registry, make: Any, table: str
) -> None:
    claim = make.claim("LoRA")
    make.admit(registry, claim)
    with registry._engine.begin() as connection:
        connection.exec_driver_sql(f"DROP TABLE {table}")
    with pytest.raises(RegistryError, match=rf"{table}.*verilora registry rebuild"):
        registry.search("lora")
    assert registry.rebuild() == 1
    assert [hit.claim.claim for hit in registry.search("lora")] == [claim]


def test_a_damaged_file_is_told_of(tmp_path: Path, make: Any) -> None:
    path = tmp_path / "r.sqlite"
    with open_registry(str(path)) as registry:
        list(registry.admit_many(make.sign(make.claim(f"Method{n}")) for n in range(50)))
    content = bytearray(path.read_bytes())
    content[8 * 4096 :] = b"\x55" * (len(content) - 8 * 4096)
    path.write_bytes(content)
    with pytest.raises(RegistryError, match=r"r\.sqlite.*malformed"):
        open_registry(str(path)).claims()


def test_a_file_that_is_not_there_is_made_only_where_it_may_be(tmp_path: Path) -> None:
    path = tmp_path / "mistyped.sqlite"
    with pytest.raises(RegistryError, match=r"there is no registry at .*mistyped\.sqlite; "):
        connect(str(path), make=False)
    assert not path.exists()
    connect(str(path)).dispose()
    connect(str(path), make=False).dispose()
