"""The quick reader of HTTP has the limit that its library lacks."""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

pytest.importorskip("httptools")
import uvicorn

from verilora.web.wire import LONGEST_HEAD, Protocol


async def _echo(scope: Any, receive: Any, send: Any) -> None:
    body = (await receive())["body"]
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _answers(*pieces: bytes, ends: bool = True) -> bytes:
    config = uvicorn.Config(_echo, http=Protocol, log_level="critical", lifespan="off")
    config.load()
    server = uvicorn.Server(config)

    def make(_loop: Any = None) -> Protocol:
        return Protocol(config=config, server_state=server.server_state, app_state={})

    listening = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*listening.sockets[0].getsockname())
    try:
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0.02)
        with contextlib.suppress(OSError):
            if ends:
                writer.write_eof()
        return await asyncio.wait_for(reader.read(), 5)
    except ConnectionError:
        return b""
    finally:
        writer.close()
        listening.close()


def answers(*pieces: bytes, ends: bool = True) -> bytes:
    # In a thread of its own: a browser's driver may have a loop in this one.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(_answers(*pieces, ends=ends))).result()


@pytest.mark.parametrize(
    "endless", [b"GET /" + b"a" * 40_000, b"GET / HTTP/1.1\r\nx: " + b"a" * 40_000]
)
def test_a_head_without_end_is_refused(endless: bytes) -> None:
    told = answers(endless, b"a" * 10_000)
    assert told.startswith(b"HTTP/1.1 400")
    assert b"too long" in told


def test_bodies_and_many_requests_are_no_head() -> None:
    body = b"b" * (LONGEST_HEAD * 2)
    post = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body)
    get = b"GET / HTTP/1.1\r\nhost: x\r\nx: " + b"y" * 20_000 + b"\r\n\r\n"
    told = answers(get, get, post, body[:1000], body[1000:], get, get)
    assert told.count(b"HTTP/1.1 200") == 5


GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


@pytest.mark.parametrize(
    ("pieces", "answered"), [((), 0), ((b"GET / HTTP/1.1\r\nx: ",), 0), ((GET, b"GET / HT"), 1)]
)
def test_a_head_that_does_not_come_is_not_waited_for(
    pieces: tuple[bytes, ...], answered: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection ends by itself, sooner than its reader gives up."""
    monkeypatch.setattr(Protocol, "patience", 0.1)
    assert answers(*pieces, ends=False).count(b"HTTP/1.1 200") == answered


def test_what_takes_long_to_answer_is_not_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is a body that comes after its head."""
    monkeypatch.setattr(Protocol, "patience", 0.05)
    head = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 6\r\n\r\n"
    told = answers(head, *(b"b",) * 6)
    assert told.startswith(b"HTTP/1.1 200")
