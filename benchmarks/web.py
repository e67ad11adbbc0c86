"""A registry of 100,000 made-up claims behind `verilora serve`, asked over 16 kept connections.

Server and client share this machine (benchmarks/load.py). Claims are drawn evenly from all, so that
nothing kept of earlier answers helps; one row draws them as popular things are asked for. After it
the site of 10,000 claims is written as files. Filling the registry takes some minutes, once where
--registry names a file that is kept.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import itertools
import json
import platform
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from benchmarks.load import Load, load
from benchmarks.records import documents
from benchmarks.registry import WORDS, envelopes
from verilora.atomic import write_whole
from verilora.registry import Filter, Registry, open_registry
from verilora.web.export import export
from verilora.web.finding import Site

ALL, EXPORTED, VERDICTS = 100_000, 10_000, 200
CONNECTIONS = 16
JSON_MILLISECONDS, PAGE_MILLISECONDS, SEARCH_MILLISECONDS = 15.0, 40.0, 100.0
"""For the ninety-ninth of a hundred answers."""
EXPORT_SECONDS = 60.0
ASKED = {"search": 1500, "page": 6000, "json": 10_000}


def main(arguments: argparse.Namespace) -> None:
    """Fills a registry, loads its server, writes a site, prints and writes the table."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(arguments.registry or Path(folder) / "registry.sqlite")
        fill(path)
        rows = []
        for row in itertools.chain(loaded(path), exported(Path(folder))):
            rows.append(row)
            goal = "" if row["goal"] is None else f"  (at most {row['goal']:g})"
            print(f"web: {row['case']}: {row['ours']:.2f}{goal}", flush=True)
    _write(rows)


def fill(path: Path, *, claims: int = ALL, verdicts: int = VERDICTS) -> None:
    """Puts claims, verdicts and runs into a registry that is empty; else it stays as it is."""
    with open_registry(str(path)) as registry:
        if registry.newest() == 0:
            print(f"web: filling {path} with {claims:,} claims", flush=True)
            for _ in registry.admit_many(itertools.chain(envelopes(claims), documents(verdicts))):
                pass


def loaded(path: Path) -> Iterator[dict[str, Any]]:
    """A row for each kind of page, from the first answer after the start on."""
    with open_registry(str(path)) as registry:
        pages = paths_of(registry)
    with _served(path) as (port, server):
        for case, (kind, make) in pages.items():
            asked = [make() for _ in range(ASKED[kind])]
            before = _seconds_of(server)
            found = load(port, asked, connections=CONNECTIONS)
            yield from _rows(case, kind, found=found, used=_seconds_of(server) - before)


def paths_of(registry: Registry, *, seed: int = 0) -> dict[str, tuple[str, Callable[[], str]]]:
    """Case -> (kind, a function that draws an address)."""
    chance = random.Random(seed)
    ids = [view.id for view in _all(registry.claims)]
    verdicts = [view.entry.digest[7:] for view in _all(registry.verdicts, Filter())]
    popular = list(itertools.accumulate(1 / place for place in range(1, len(ids) + 1)))
    shuffled = chance.sample(ids, len(ids))

    def word() -> str:
        return chance.choice(WORDS)

    return {
        "claim as JSON": ("json", lambda: f"/api/v1/claims/{chance.choice(ids)}.json"),
        "claim page": ("page", lambda: f"/claims/{chance.choice(ids)}"),
        "claim page, popular ones more often": (
            "page",
            lambda: f"/claims/{chance.choices(shuffled, cum_weights=popular)[0]}",
        ),
        "home page": ("page", lambda: "/"),
        "tag page": ("page", lambda: f"/tags/{word()}"),
        "verdict page": ("page", lambda: f"/verdicts/{chance.choice(verdicts)}"),
        "search page, two words": ("search", lambda: f"/search?q={word()}+{word()}"),
        "search as JSON, a rare word": (
            "search",
            lambda: f"/api/v1/search?q=author+{chance.randrange(len(ids))}",
        ),
    }


def exported(folder: Path) -> Iterator[dict[str, Any]]:
    """The seconds that the site of a smaller registry takes as files."""
    path = folder / "small.sqlite"
    fill(path, claims=EXPORTED, verdicts=0)
    with open_registry(str(path)) as registry:
        begun = time.perf_counter()
        export(Site(registry, "https://claims.example"), folder / "site")
        seconds = time.perf_counter() - begun
    yield _row(f"{EXPORTED:,} claims as files, seconds", seconds, goal=EXPORT_SECONDS)


def _rows(case: str, kind: str, *, found: Load, used: float) -> Iterator[dict[str, Any]]:
    goals = {"json": JSON_MILLISECONDS, "page": PAGE_MILLISECONDS, "search": SEARCH_MILLISECONDS}
    each = 1000 / len(found)
    yield _row(f"{case}, p99 milliseconds", found.percentile(99), goal=goals[kind])
    yield _row(f"{case}, median milliseconds", found.percentile(50), goal=None)
    yield _row(f"{case}, answers a second", len(found) / found.seconds, goal=None)
    yield _row(f"{case}, server's processor milliseconds", used * each, goal=None)
    yield _row(f"{case}, client's processor milliseconds", found.client_seconds * each, goal=None)


@contextlib.contextmanager
def _served(path: Path) -> Iterator[tuple[int, psutil.Process]]:
    """(port, process) of `verilora serve`, as anybody starts it, once all its processes listen."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    main = "import sys; from verilora.cli.main import main; sys.exit(main())"
    command = [sys.executable, "-c", main, "serve", "--database", str(path), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as started:
        try:
            _wait(port, started)
            yield port, psutil.Process(started.pid)
        finally:
            started.send_signal(signal.SIGINT)
            started.wait(20)


def _wait(port: int, started: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and started.poll() is None:
        with contextlib.suppress(OSError):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/methodology.json")
            connection.getresponse().read()
            connection.close()
            time.sleep(3)  # the other processes are about to listen too
            return
        time.sleep(0.1)
    raise TimeoutError(f"verilora serve does not answer at port {port}")


def _seconds_of(server: psutil.Process) -> float:
    """Of a processor, that the server and its processes used so far."""
    times = [one.cpu_times() for one in (server, *server.children(recursive=True))]
    return sum(one.user + one.system for one in times)


def _all(read: Callable[..., Any], *asked: Any) -> Iterator[Any]:
    cursor = None
    while True:
        page = read(*asked, limit=200, cursor=cursor)
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return


def _row(case: str, ours: float, *, goal: float | None) -> dict[str, Any]:
    met = None if goal is None else ours <= goal
    row = {"case": case, "ours": round(ours, 3), "peer": None, "floor": None, "ratio": None}
    return {**row, "goal": goal, "met": met}


def _write(rows: list[dict[str, Any]]) -> None:
    names = ("fastapi", "uvicorn", "uvloop", "httptools", "jinja2", "sqlalchemy")
    told = {
        "machine": f"{platform.machine()}, {psutil.cpu_count()} processors",
        "versions": {name: version(name) for name in names},
        "rows": rows,
    }
    path = Path(__file__).parent / "results" / "web.json"
    write_whole(path, (json.dumps(told, indent=1) + "\n").encode())
