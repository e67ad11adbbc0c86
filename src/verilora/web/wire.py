"""HTTP/1.1 read by httptools, which is quick, with a limit to a request's head, which it lacks.

Only where httptools is installed (a part of the extra `web`); the server reads without it too.
"""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LONGEST_HEAD = 32 * 1024
"""Bytes of a request line with its headers; a piece as it came from the network may be more."""


class Protocol(HttpToolsProtocol):
    """A connection. One that sends a head without end gets 400 and is closed."""

    _head: int | None = 0
    """Bytes of the head that is being read; None while a body is."""

    def data_received(self, data: bytes) -> None:
        """Reads a piece of what came."""
        if self._head is not None:
            self._head += len(data)
            if self._head > LONGEST_HEAD + len(data):
                self.send_400_response("The headers are too long.")
                return
        super().data_received(data)

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._head = None
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is whole; the next one's head follows."""
        self._head = 0
        super().on_message_complete()
