"""A database by its URL: SQLite in a file, or PostgreSQL. A password is never shown.

One writer at a time: SQLite by BEGIN IMMEDIATE, PostgreSQL by an advisory lock, so that the log has
no gaps and what was looked up still holds when it is written.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, select, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from verilora.errors import MissingExtraError, RegistryError
from verilora.registry import tables

WAIT_SECONDS = 30
"""For another writer."""
_LOCK = 0x7665_7269
"""Names our advisory lock on a PostgreSQL server: "veri"."""
_WRITING = "verilora_writing"
_DAMAGED = re.compile("no such (table|column)|does not exist|malformed|not a database")
_MEND = (
    "verilora registry rebuild makes again what is missing, if the records and their log are whole"
)
_AGAIN = "what was not acknowledged was not kept: try again"
_held = threading.local()


def default_path() -> Path:
    """$XDG_DATA_HOME/verilora/registry.sqlite, else below ~/.local/share."""
    # XDG's rule: a path that is not absolute counts as none.
    given = Path(os.environ.get("XDG_DATA_HOME", ""))
    home = given if given.is_absolute() else Path.home() / ".local" / "share"
    return home / "verilora" / "registry.sqlite"


def told(url: URL) -> str:
    """The URL as it may be shown: without password, user's options and all else past the name."""
    return url.set(query={}).render_as_string(hide_password=True)


def connect(given: str | None, *, make: bool = True) -> Engine:
    """An engine for a URL or the path of a file; None is the default file.

    The tables are made where they are not, and so is the file if it may `make` one. Raises
    RegistryError for a URL that is none, a server that cannot be reached, a file that is no
    registry or of a later version; MissingExtraError for PostgreSQL without psycopg.
    """
    url = _url_of(given)
    if not make:
        _refuse_missing(url)
    engine = _engine(url)
    try:
        _make_tables(engine)
        with reading(engine) as connection:
            _refuse_other(connection, told(url))
    except (DBAPIError, RegistryError) as error:
        engine.dispose()
        cause = error if isinstance(error, DBAPIError) else error.__cause__
        if not isinstance(cause, DBAPIError):
            raise
        # Nothing of the driver's own error goes on: it may hold what it was given to connect with.
        raise RegistryError(
            f"the registry at {told(url)} cannot be opened: {_reason(cause)}; "
            "see that the server runs, or the file is a registry that may be read and written",
            url=told(url),
        ) from None
    return engine


@contextlib.contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that alone may write; all of it is kept, or nothing.

    Raises RegistryError if the database cannot: it is locked by another, full, or gone.
    """
    with _transaction(engine, {_WRITING: True}) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        yield connection


@contextlib.contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction in which all queries see the same state. Raises as `writing` does."""
    held = _of_this_thread().get(engine)
    if held is not None:
        yield held
        return
    options: dict[str, Any] = {_WRITING: False}
    if engine.dialect.name == "postgresql":
        options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with _transaction(engine, options) as connection:
        yield connection


@contextlib.contextmanager
def holding(engine: Engine) -> Iterator[None]:
    """All that this thread reads within is read in one transaction. Raises as `writing` does."""
    with reading(engine) as connection:
        held = _of_this_thread()
        outer = held.get(engine)
        held[engine] = connection
        try:
            yield
        finally:
            if outer is None:
                del held[engine]


def _of_this_thread() -> dict[Engine, Connection]:
    """The transactions that this thread is reading in."""
    return _held.__dict__.setdefault("connections", {})


@contextlib.contextmanager
def _transaction(engine: Engine, options: dict[str, Any]) -> Iterator[Connection]:
    try:
        with engine.connect().execution_options(**options) as connection, connection.begin():
            yield connection
    except DBAPIError as error:
        damaged = _DAMAGED.search(_reason(error)) is not None
        if not damaged and not isinstance(error, OperationalError):
            raise
        raise RegistryError(
            f"the registry at {told(engine.url)} does not answer: {_reason(error)}; "
            f"{_MEND if damaged else _AGAIN}",
            url=told(engine.url),
        ) from error


def _url_of(given: str | None) -> URL:
    if given is None or "://" not in given:
        path = default_path() if given is None else Path(given).expanduser()
        return URL.create("sqlite", database=str(path))
    try:
        url = make_url(given)
    except ArgumentError:
        raise RegistryError(
            "the database's URL cannot be read; sqlite:///PATH, postgresql://USER@HOST/NAME or the "
            "path of a file is wanted"
        ) from None
    if url.drivername in ("postgresql", "postgres"):
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername not in ("sqlite", "postgresql+psycopg"):
        raise RegistryError(
            f"the database is of the kind '{url.drivername}'; sqlite or postgresql is wanted",
            url=told(url),
        )
    return url


def _refuse_missing(url: URL) -> None:
    name = url.database or ":memory:"
    if url.get_backend_name() == "sqlite" and name != ":memory:" and not Path(name).exists():
        raise RegistryError(
            f"there is no registry at {told(url)}; verilora registry add FILE makes one there, or "
            "say another --database",
            url=told(url),
        )


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "postgresql":
        try:
            return create_engine(url, pool_pre_ping=True, hide_parameters=True)
        except ModuleNotFoundError as error:
            raise MissingExtraError(
                "PostgreSQL needs psycopg, which is not here; pip install 'verilora[postgres]'"
            ) from error
    if url.database not in (None, "", ":memory:"):
        try:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RegistryError(
                f"cannot make the folder of {url.database}: {error.strerror}", url=told(url)
            ) from error
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": WAIT_SECONDS})
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "begin", _begin)
    return engine


def _set_up(connection: Any, _record: Any) -> None:
    # None leaves BEGIN to us: the driver's own would come too late for a consistent read.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-16384"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get(_WRITING) else "BEGIN")


def _make_tables(engine: Engine) -> None:
    with reading(engine) as connection:
        if tables.has_truth(connection):
            return
    with writing(engine) as connection:
        if tables.create_truth(connection):
            tables.create_projections(connection)


def _refuse_other(connection: Connection, url: str) -> None:
    query = select(tables.about.c.value).where(tables.about.c.name == "format")
    found = connection.execute(query).scalar()
    if found != tables.FORMAT:
        raise RegistryError(
            f"the registry at {url} is of the format {found!r}; {tables.FORMAT!r} is wanted: take "
            "the version of verilora that wrote it, or newer",
            url=url,
        )


def _reason(error: DBAPIError) -> str:
    lines = str(error.orig).strip().splitlines() or [type(error.orig).__name__]
    return lines[0].rstrip(".")
