"""The server listens where it is told, hides what it is made of, and ends whole."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import uvicorn

from verilora.errors import RegistryError
from verilora.web import serve as serving
from verilora.web.finding import Site
from verilora.web.serve import MOST_WAITING, serve, workers_for

several = pytest.mark.skipif(sys.platform != "linux", reason="only Linux shares out a port")


def test_uvicorn_is_asked_for_little(monkeypatch, filled) -> None:
    asked = {}
    monkeypatch.setattr(uvicorn, "run", lambda app, **given: asked.update(given, app=app))
    serve(Site(filled.registry), host="127.0.0.1", port=8123)
    assert (asked["host"], asked["port"]) == ("127.0.0.1", 8123)
    assert asked["server_header"] is False
    assert asked["access_log"] is False
    assert asked["limit_concurrency"] == MOST_WAITING
    assert asked["app"].title == "verilora"


def test_a_process_for_each_processor_unless_told(monkeypatch) -> None:
    monkeypatch.setattr(serving, "_CAN_SHARE", True)
    assert workers_for(None) == min(len(os.sched_getaffinity(0)), 4)
    assert workers_for("registry.sqlite", 7) == 7
    for memory in ("sqlite:///:memory:", "sqlite://", ":memory:"):
        assert workers_for(memory) == workers_for(memory, 1) == 1
        with pytest.raises(RegistryError, match=r"memory.*--workers 1"):
            workers_for(memory, 2)
    monkeypatch.setattr(serving, "_CAN_SHARE", False)
    assert workers_for(None) == 1
    with pytest.raises(RegistryError, match="hands no connections"):
        workers_for(None, 2)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def ask(port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


class Served:
    """`verilora serve` with two processes on a registry of one's own."""

    def __init__(self, database: Path, port: int) -> None:
        self.port = port
        main = "import sys; from verilora.cli.main import main; sys.exit(main())"
        command = [sys.executable, "-c", main, "serve", "--database", str(database)]
        self.started = subprocess.Popen(
            [*command, "--port", str(port), "--workers", "2"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        until = time.monotonic() + 40
        while not self.listens():
            assert self.started.poll() is None, self.started.communicate()[0]
            assert time.monotonic() < until, "the server does not listen"
            time.sleep(0.1)
        children = psutil.Process(self.started.pid).children()
        self.workers = [one for one in children if "spawn_main" in " ".join(one.cmdline())]
        # In turn: each has answered now.
        assert {ask(port, "/")[0] for _ in self.workers} == {200}

    def listens(self) -> bool:
        """Whether the one that was started takes connections."""
        return any(
            held.laddr.port == self.port and held.status == psutil.CONN_LISTEN
            for held in psutil.Process(self.started.pid).net_connections("tcp")
        )

    def end(self, number: int) -> bytes:
        """Sends a signal; what was printed. All processes have to end soon."""
        self.started.send_signal(number)
        told = self.started.communicate(timeout=15)[0]
        _, alive = psutil.wait_procs(self.workers, timeout=10)
        assert not alive
        return told


@pytest.fixture
def served(fresh, tmp_path: Path) -> Iterator[Served]:
    fresh.admit(fresh.claim("Method"))
    made = Served(tmp_path / "registry.sqlite", free_port())
    try:
        yield made
    finally:
        for process in [*made.workers, made.started]:
            if process.poll() is None if process is made.started else process.is_running():
                process.kill()


@several
def test_two_processes_show_a_retraction_at_once_and_end_together(served: Served, fresh) -> None:
    claim = fresh.claim("Method")
    path = f"/claims/{claim.id}"
    assert {ask(served.port, path)[0] for _ in range(20)} == {200}
    digest = fresh.registry.claim(claim.id).entry.digest
    fresh.admit(fresh.notice(digest))
    told = [ask(served.port, path)[1] for _ in range(20)]
    assert all(b"Retracted" in page for page in told)
    with pytest.raises(RegistryError, match=str(served.port)):
        serving._bind("127.0.0.1", served.port)
    assert b"Traceback" not in served.end(signal.SIGINT)
    assert served.started.returncode == 0
    with pytest.raises(ConnectionRefusedError):
        ask(served.port, path)


@several
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_however_it_ends_no_process_stays(served: Served, number: int) -> None:
    assert b"Traceback" not in served.end(number)
    serving._bind("127.0.0.1", served.port).close()


@several
def test_if_one_process_is_lost_all_end_and_it_is_told(served: Served) -> None:
    assert len(served.workers) == 2
    served.workers[0].kill()
    told = served.started.communicate(timeout=15)[0]
    assert b"ended by itself" in told
    assert served.started.returncode == 1
    assert not psutil.wait_procs(served.workers, timeout=5)[1]
