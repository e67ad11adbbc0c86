"""Registries in both databases, and signed records to fill them with.

PostgreSQL's server is started in a temporary directory by an ordinary user; where there is none,
its tests are skipped, and say so loudly.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from verilora.claims.envelope import sign
from verilora.claims.keys import Key, make_key
from verilora.claims.predicates import statement_of
from verilora.records.anchor import AnchorReport, AnchorResult
from verilora.records.claim import Claim, claim_id
from verilora.records.claim import statement_of as told_of
from verilora.records.notice import Notice
from verilora.records.record import Record
from verilora.records.run import Run
from verilora.records.verdict import VerdictDocument
from verilora.registry import Registry, open_registry, tables
from verilora.registry.views import Entry

BACKENDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
NOW = "2026-05-16T12:00:00Z"
NOBODY = 65534
SECRET = "s3cret-w0rd"


def server_programs() -> Path | None:
    """The folder of initdb and postgres, the newest version's."""
    found = shutil.which("initdb")
    places = [Path(found).parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "initdb").is_file()), None)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a server's first database; its socket and data lie in a temporary folder."""
    programs = server_programs()
    if programs is None:
        pytest.skip("NO POSTGRESQL SERVER HERE (no initdb): SQLite ALONE WAS TESTED")
    # A folder of its own, short (a socket's path is) and open to the user that serves.
    home = Path(tempfile.mkdtemp(prefix="pg.", dir="/tmp"))
    secret = home / "secret"
    secret.write_text(f"{SECRET}\n")
    # The server refuses to be root.
    other = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
    for path in (home, secret) if other else ():
        os.chown(path, NOBODY, NOBODY)
    port = free_port()
    server = start(programs, home, port=port, other=other)
    url = f"postgresql+psycopg://tester:{SECRET}@127.0.0.1:{port}/postgres"
    try:
        wait_for(url)
        yield url
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(20)
        shutil.rmtree(home, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def start(
    programs: Path, home: Path, *, port: int, other: dict[str, Any]
) -> subprocess.Popen[bytes]:
    """Makes the server's data and starts it."""
    data, quiet = home / "data", subprocess.DEVNULL
    subprocess.run(
        [
            *(programs / "initdb", "-D", data, "-U", "tester", "--auth=scram-sha-256"),
            *("--pwfile", home / "secret", "--encoding=UTF8", "--no-locale", "--no-sync"),
        ],
        check=True,
        capture_output=True,
        cwd=home,
        **other,
    )
    # The server outlives every test: what is written need not wait for the disk here.
    settings: dict[str, Any] = {"fsync": "off", "listen_addresses": "127.0.0.1", "port": port}
    settings["unix_socket_directories"] = home
    told = [f"-c{name}={value}" for name, value in settings.items()]
    command = [programs / "postgres", "-D", data, *told]
    return subprocess.Popen(command, stdout=quiet, stderr=quiet, cwd=home, **other)


def wait_for(url: str) -> None:
    engine = create_engine(url)
    for _ in range(200):
        try:
            with engine.connect():
                break
        except OperationalError:
            time.sleep(0.05)
    engine.dispose()


@pytest.fixture(params=BACKENDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Of an empty database: a file, and one of the server's."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'registry.sqlite'}"
        return
    server = make_url(request.getfixturevalue("postgres_server"))
    name = f"t{abs(hash(str(tmp_path))):x}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield server.set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture
def registry(url: str) -> Iterator[Registry]:
    """An empty registry, in each database."""
    with open_registry(url) as made:
        yield made


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Registry]:
    """An empty registry in a file."""
    with open_registry(str(tmp_path / "small.sqlite")) as made:
        yield made


class Maker:
    """Makes records, and envelopes around them."""

    def __init__(self) -> None:
        self.key = make_key("tester")

    def claim(
        self, subject: str = "LoRA", obj: str = "A paper (Somebody, 2024)", **changes: Any
    ) -> Claim:
        """A claim that a thing was introduced in a paper."""
        predicate = "introduced_in_paper"
        data = {
            "subject": subject,
            "predicate": predicate,
            "object": obj,
            "id": claim_id(subject, predicate, object=obj),
            "statement": told_of(subject, predicate, object=obj),
            "confidence": 0.95,
            "confidence_rule": "one primary source",
            "published_at": NOW,
            "last_verified": NOW,
        }
        return Claim.model_validate({**data, **changes})

    def notice(self, about: str, kind: str = "retraction", **changes: Any) -> Notice:
        data = {"kind": kind, "about": about, "reason": "it is wrong", "made_at": NOW}
        return Notice.model_validate({**data, **changes})

    def verdict(self, status: str = "partial", **changes: Any) -> VerdictDocument:
        """A verdict on LoRA's number for MRPC; keywords change what stands in its `verdict`."""
        citation = {
            "paper_arxiv_id": "2106.09685",
            "section": "Table 2",
            "row": "RoBERTa-base + LoRA (r=8)",
            "column": "MRPC dev accuracy",
            "reported_value": 89.7,
            "reported_metric": "accuracy",
        }
        data = {
            "kind": "POST",
            "status": status,
            "protocol_match": "proxy",
            "computed_at": NOW,
            "claim_citation": citation,
        }
        paper = {"arxiv_id": "2106.09685", "title": "LoRA: Low-Rank Adaptation"}
        return VerdictDocument.model_validate({"paper": paper, "verdict": {**data, **changes}})

    def run(self, seed: int = 0, **changes: Any) -> Run:
        metric = {"value": 89.5, "unit": "percent"}
        none = "sha256:" + "0" * 64
        data = {
            "recipe": "mrpc",
            "method": "lora",
            "seed": seed,
            "steps": 10,
            "metrics": {"accuracy": metric},
            "main_metric": "accuracy",
            "loss_first": 0.7,
            "loss_last": 0.4,
            "selection": {"rule": "last", "step": 10, "metric": "accuracy", "evaluations": 1},
            "curve": [],
            "parameters": {"total": 10, "trainable": 2, "adapter": 1, "head": 1},
            "data": {"train_rows": 3, "validation_rows": 2},
            "digests": dict.fromkeys(["base", "data", "recipe", "adapter", "predictions"], none),
            "timings": dict.fromkeys(["total_seconds", "train_seconds", "evaluate_seconds"], 1.0)
            | {"train_tokens": 9, "train_examples": 3},
            "memory": {"peak_bytes": None, "planned_bytes": None},
            "environment": {},
        }
        return Run.model_validate({**data, **changes})

    def anchors(self, value: float, computed_at: str = NOW) -> AnchorReport:
        """A report with the result of one anchor."""
        result = AnchorResult(
            name="tiny-bits",
            title="Tiny",
            measured="accuracy",
            unit="percent",
            where=None,
            latest=value,
            expected=None,
            tolerance=None,
            source=None,
            state="no data",
            detail="nothing to say",
            seconds=1.0,
            environment={},
            computed_at=computed_at,
        )
        return AnchorReport(results=(result,))

    def sign(self, record: Record, key: Key | None = None) -> bytes:
        """The record in an envelope."""
        return sign(statement_of(record), key or self.key)

    def admit(self, registry: Registry, record: Record, key: Key | None = None) -> Entry:
        return registry.admit(self.sign(record, key))


@pytest.fixture(scope="session")
def make() -> Maker:
    return Maker()


@pytest.fixture
def rows_of() -> Callable[[Registry], dict[str, list[Any]]]:
    """A function: every row of every projection, sorted."""

    def rows(registry: Registry) -> dict[str, list[Any]]:
        with registry._engine.connect() as connection:
            return {
                table.name: sorted(connection.execute(table.select()).all(), key=repr)
                for table in tables.projections.sorted_tables
            }

    return rows
