"""A light client: so many connections, each of which asks again as soon as it was answered.

It runs in a process of its own beside the server, and what it costs counts against the server.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

try:
    from uvloop import new_event_loop
except ModuleNotFoundError:
    from asyncio import new_event_loop

MOST_SECONDS = 300
LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)


class Load(NamedTuple):
    """What a load came to."""

    milliseconds: list[float]
    """From the request to the last byte of the answer, the quickest first."""
    seconds: float
    client_seconds: float
    """Of a processor, for the client alone."""

    def percentile(self, share: int) -> float:
        """Milliseconds that so many of a hundred answers take at most."""
        return self.milliseconds[min(len(self.milliseconds) * share // 100, len(self) - 1)]

    def __len__(self) -> int:
        """Answers."""
        return len(self.milliseconds)


class _Asker(asyncio.Protocol):
    """One connection that is kept."""

    def __init__(self, paths: Iterator[str], found: list[float]) -> None:
        self.paths, self.found = paths, found
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.held, self.wanted = bytearray(), 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the server closed a connection"))

    def data_received(self, data: bytes) -> None:
        self.held += data
        if not self.wanted:
            end = self.held.find(b"\r\n\r\n")
            length = LENGTH.search(self.held, 0, end + 2) if end >= 0 else None
            if length is None:
                return
            self.wanted = end + 4 + int(length[1])
        if len(self.held) >= self.wanted:
            self._answered()

    def _answered(self) -> None:
        self.found.append((time.perf_counter() - self.begun) * 1000)
        if not self.held.startswith(b"HTTP/1.1 200"):
            self.done.set_exception(ConnectionError(bytes(self.held[:200])))
            self.transport.close()
            return
        self.held.clear()
        self.wanted = 0
        self._ask()

    def _ask(self) -> None:
        path = next(self.paths, None)
        if path is None:
            self.done.set_result(None)
            self.transport.close()
            return
        self.begun = time.perf_counter()
        self.transport.write(f"GET {path} HTTP/1.1\r\nhost: bench\r\n\r\n".encode())


def load(port: int, paths: list[str], *, connections: int = 16) -> Load:
    """Asks for all paths of the server on this machine, spread over the connections.

    Raises ConnectionError for an answer that is not 200, TimeoutError after MOST_SECONDS.
    """
    loop = new_event_loop()
    try:
        return loop.run_until_complete(_load(port, paths, connections=connections))
    finally:
        loop.close()


async def _load(port: int, paths: list[str], *, connections: int) -> Load:
    loop, waiting, found = asyncio.get_running_loop(), iter(paths), []
    begun, used = time.perf_counter(), time.process_time()
    askers: list[_Asker] = []
    for _ in range(connections):
        made = await loop.create_connection(lambda: _Asker(waiting, found), "127.0.0.1", port)
        askers.append(made[1])
    await asyncio.wait_for(asyncio.gather(*(one.done for one in askers)), MOST_SECONDS)
    return Load(sorted(found), time.perf_counter() - begun, time.process_time() - used)
