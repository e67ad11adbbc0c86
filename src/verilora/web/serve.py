"""The server: uvicorn around the application, on one address, in one process or in several.

Each process opens the registry itself and listens on the same port; the system shares out who comes
(SO_REUSEPORT, Linux). They end with the one that started them, however it ends.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any, NoReturn

import uvicorn

from verilora.errors import RegistryError
from verilora.records.trust import Trust
from verilora.registry.store import open_registry
from verilora.web.app import create_app
from verilora.web.finding import Site
from verilora.web.judged import status_of

try:
    from verilora.web.wire import Protocol
except ModuleNotFoundError:
    Protocol = "h11"

MOST_WAITING = 512
"""Requests that a process works on at a time; more are told to come again (503)."""
MOST_UNASKED = 4
"""Processes, unless more are asked for: each takes some 100 MB."""
MOST_JUDGED = 200
"""Verdicts, the newest, that are judged beforehand: each takes some milliseconds, once."""
SECONDS_TO_END = 5
"""For what is being answered; then a process is ended."""
_CAN_SHARE = sys.platform == "linux"


@dataclass(frozen=True)
class Plan:
    """What a process of several needs to know; a pipe brings it, not the command line."""

    database: str | None = field(repr=False)
    address: str
    trust: Trust | None


def workers_for(database: str | None, asked: int | None = None) -> int:
    """How many processes serve: as many as asked for, else one for each processor, at most four.

    Raises RegistryError where several are asked for and cannot be: a registry in memory belongs to
    one process, and only Linux shares out a port.
    """
    in_memory = database is not None and (":memory:" in database or database == "sqlite://")
    why = ""
    if in_memory:
        why = "a registry in memory belongs to one process"
    elif not _CAN_SHARE:
        why = "only Linux shares out one port among several"
    if asked is not None and asked > 1 and why:
        raise RegistryError(f"{asked} workers cannot serve: {why}; say --workers 1", workers=asked)
    if why:
        return 1
    return asked or min(len(os.sched_getaffinity(0)), MOST_UNASKED)


def serve(
    house: Site, *, host: str, port: int, database: str | None = None, workers: int = 1
) -> None:
    """Answers until it is interrupted. Says nothing of the software or of who asks.

    With more than one of `workers`, `database` says where each finds the registry. Raises
    RegistryError if a process ends by itself, or the port is taken.
    """
    if workers == 1:
        warm_up(house)
        uvicorn.run(create_app(house), host=host, port=port, **_settings())
        return
    _bind(host, port, shared=False).close()
    sockets = [_bind(host, port, shared=True) for _ in range(workers)]
    plan = Plan(database, house.address, house.trust)
    with contextlib.suppress(KeyboardInterrupt), _processes(plan, sockets) as processes:
        ended = wait([process.sentinel for process in processes])
        lost = next(process for process in processes if process.sentinel in ended)
        raise RegistryError(f"a process of the server ended by itself (code {lost.exitcode})")


def warm_up(house: Site) -> None:
    """Reads what is kept in memory, so that nobody who asks has to wait for it."""
    with contextlib.suppress(RegistryError):
        for view in house.registry.claims(limit=1).items:
            house.registry.related(view)
        for verdict in house.registry.verdicts(limit=MOST_JUDGED).items:
            status_of(verdict)
    # What is here stays; looking through it again and again would hold up answers.
    gc.collect()
    gc.freeze()


@contextlib.contextmanager
def _processes(plan: Plan, sockets: Sequence[socket.socket]) -> Iterator[list[Any]]:
    context = multiprocessing.get_context("spawn")
    child, parent = context.Pipe(duplex=False)
    started = [
        context.Process(target=_work, args=(plan, (opened, child)), name=f"verilora-serve-{number}")
        for number, opened in enumerate(sockets, 1)
    ]
    before = signal.signal(signal.SIGTERM, _end)
    try:
        for process, opened in zip(started, sockets, strict=True):
            process.start()
            opened.close()
        yield started
    finally:
        signal.signal(signal.SIGTERM, before)
        parent.close()
        for process in started:
            process.join(SECONDS_TO_END)
            process.kill()
            process.join()


def _end(number: int, _frame: Any) -> NoReturn:
    raise SystemExit(128 + number)


def _work(plan: Plan, given: tuple[socket.socket, Connection]) -> None:
    """One process: answers until it is interrupted, or who started it is no more."""
    opened, alive = given
    with contextlib.suppress(KeyboardInterrupt), open_registry(plan.database) as registry:
        house = Site(registry, plan.address, plan.trust)
        server = uvicorn.Server(uvicorn.Config(create_app(house), **_settings()))
        threading.Thread(target=_watch, args=(alive, server), daemon=True).start()
        warm_up(house)
        server.run([opened])


def _watch(alive: Connection, server: uvicorn.Server) -> None:
    with contextlib.suppress(EOFError, OSError):
        alive.recv_bytes()
    server.should_exit = True


def _bind(host: str, port: int, *, shared: bool) -> socket.socket:
    """A socket on the address, which others may share if they say so too."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = found[0]
    opened = socket.socket(family, kind, protocol)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        opened.bind(address)
    except OSError as error:
        opened.close()
        raise RegistryError(
            f"nothing can be served at port {port} of {host}: {error.strerror}; see that no other "
            "server listens there, or say another --port",
            port=port,
        ) from error
    return opened


def _settings() -> dict[str, Any]:
    return {
        "http": Protocol,
        "ws": "none",
        "log_level": "warning",
        "access_log": False,
        "server_header": False,
        "date_header": True,
        "limit_concurrency": MOST_WAITING,
        "timeout_keep_alive": 5,
        "timeout_graceful_shutdown": SECONDS_TO_END,
        "h11_max_incomplete_event_size": 16 * 1024,
    }
