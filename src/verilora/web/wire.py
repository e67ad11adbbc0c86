"""HTTP/1.1 read by httptools, which is quick, with limits to a request's head, which it lacks: to
its length, and to the time that it takes to come.

Only where httptools is installed (a part of the extra `web`); the server reads without it too.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LONGEST_HEAD = 32 * 1024
"""Bytes of a request line with its headers; a piece as it came from the network may be more."""


class Protocol(HttpToolsProtocol):
    """A connection. One that sends a head without end gets 400 and is closed; so is one that sends
    none, or drop by drop."""

    patience = 10.0
    """Seconds that a head may take to come."""
    _head: int | None = 0
    """Bytes of the head that is being read; None while a body is."""
    _late: asyncio.TimerHandle | None = None
    """Closes the connection, unless the head comes before."""

    def connection_made(self, transport: Any) -> None:
        """Somebody is there."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is there any more."""
        self._wait_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Reads a piece of what came."""
        if self._head is not None:
            if self._late is None:
                self._wait()
            self._head += len(data)
            if self._head > LONGEST_HEAD + len(data):
                self.send_400_response("The headers are too long.")
                return
        super().data_received(data)

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._head = None
        self._wait_no_more()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is whole; the next one's head follows."""
        self._head = 0
        super().on_message_complete()

    def _wait(self) -> None:
        self._late = self.loop.call_later(self.patience, self.transport.close)

    def _wait_no_more(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
