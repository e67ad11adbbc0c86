"""The server: uvicorn around the application, on one address, in one process or in several.

The one that was started takes the connections and hands them out in turn, so that none has more to
answer than another; each process opens the registry itself. They end with it, however it ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from typing import Any, NoReturn

import uvicorn

from verilora.errors import RegistryError
from verilora.records.trust import Trust
from verilora.registry.store import open_registry
from verilora.web import data, site
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
MOST_TAGS, MOST_TRIED = 1000, 100
"""Tags, the most used, and claims, the newest, that are looked at beforehand."""
MOST_JUDGED = 200
"""Verdicts, the newest, that are judged beforehand: each takes some milliseconds, once."""
SECONDS_TO_END = 5
"""For what is being answered; then a process is ended."""
_CAN_SHARE = hasattr(socket, "send_fds")
_ONE = b"."
"""Comes with each connection that is handed on."""


@dataclass(frozen=True)
class Plan:
    """What a process of several needs to know; a pipe brings it, not the command line."""

    database: str | None = field(repr=False)
    address: str
    trust: Trust | None


def workers_for(database: str | None, asked: int | None = None) -> int:
    """How many processes serve: as many as asked for, else one for each processor, at most four.

    Raises RegistryError where several are asked for and cannot be: a registry in memory belongs to
    one process, and not every system hands on connections.
    """
    in_memory = database is not None and (":memory:" in database or database == "sqlite://")
    why = ""
    if in_memory:
        why = "a registry in memory belongs to one process"
    elif not _CAN_SHARE:
        why = "this system hands no connections on to another process"
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
    plan = Plan(database, house.address, house.trust)
    with (
        contextlib.suppress(KeyboardInterrupt),
        _bind(host, port) as listening,
        _processes(plan, workers) as (processes, doors),
    ):
        threading.Thread(target=_hand_out, args=(listening, doors), daemon=True).start()
        ended = wait([process.sentinel for process in processes])
        lost = next(process for process in processes if process.sentinel in ended)
        raise RegistryError(f"a process of the server ended by itself (code {lost.exitcode})")


def warm_up(house: Site) -> None:
    """Reads what is kept in memory, and answers a little, so that nobody who asks has to wait."""
    with contextlib.suppress(RegistryError), house.registry.at_once():
        house.registry.remember(tags=MOST_TAGS)
        for view in house.registry.claims(limit=MOST_TRIED).items:
            site.claim(house, view.id)
            data.claim(house, view.id)
        for verdict in house.registry.verdicts(limit=MOST_JUDGED).items:
            status_of(verdict)
    # What is here stays; looking through it again and again would hold up answers.
    gc.collect()
    gc.freeze()


@contextlib.contextmanager
def _processes(plan: Plan, workers: int) -> Iterator[tuple[list[Any], list[socket.socket]]]:
    """The processes, and for each the end of a pair of sockets that connections go into."""
    context = multiprocessing.get_context("spawn")
    pairs = [socket.socketpair() for _ in range(workers)]
    doors = [mine for mine, _ in pairs]
    started = [
        context.Process(target=_work, args=(plan, theirs), name=f"verilora-serve-{number}")
        for number, (_, theirs) in enumerate(pairs, 1)
    ]
    before = signal.signal(signal.SIGTERM, _end)
    try:
        for process, (_, theirs) in zip(started, pairs, strict=True):
            process.start()
            theirs.close()
        yield started, doors
    finally:
        signal.signal(signal.SIGTERM, before)
        for door in doors:
            door.close()
        for process in started:
            process.join(SECONDS_TO_END)
            process.kill()
            process.join()


def _hand_out(listening: socket.socket, doors: Sequence[socket.socket]) -> None:
    """Takes connections and gives each to the next process, until one of the sockets is closed."""
    with contextlib.suppress(OSError):
        for door in itertools.cycle(doors):
            taken, _ = listening.accept()
            with taken:
                socket.send_fds(door, [_ONE], [taken.fileno()])


def _end(number: int, _frame: Any) -> NoReturn:
    raise SystemExit(128 + number)


def _work(plan: Plan, door: socket.socket) -> None:
    """One process: answers until it is interrupted, or who started it is no more."""
    with contextlib.suppress(KeyboardInterrupt), open_registry(plan.database) as registry:
        house = Site(registry, plan.address, plan.trust)
        warm_up(house)
        _Worker(uvicorn.Config(create_app(house), **_settings()), door).run([])


class _Worker(uvicorn.Server):
    """A server that takes its connections from a socket instead of listening."""

    def __init__(self, config: uvicorn.Config, door: socket.socket) -> None:
        super().__init__(config)
        self._door = door
        self._taking: set[asyncio.Task[Any]] = set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As any, and then the connections that wait already."""
        await super().startup(sockets)
        self._door.setblocking(False)
        asyncio.get_running_loop().add_reader(self._door, self._take)

    def _take(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            sign, given, _, _ = socket.recv_fds(self._door, len(_ONE), 1)
        except BlockingIOError:
            return
        except OSError:
            sign, given = b"", []
        if not sign:  # who hands them out is no more
            loop.remove_reader(self._door)
            self.should_exit = True
        for one in given:
            taken = socket.socket(fileno=one)
            taken.setblocking(False)
            task = loop.create_task(loop.connect_accepted_socket(self._protocol, taken))
            self._taking.add(task)
            task.add_done_callback(self._taking.discard)

    def _protocol(self) -> Any:
        kind: Any = self.config.http_protocol_class
        return kind(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )


def _bind(host: str, port: int) -> socket.socket:
    """A socket that listens on the address. Raises RegistryError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = found[0]
    opened = socket.socket(family, kind, protocol)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
        opened.listen(MOST_WAITING)
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
