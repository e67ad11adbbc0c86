"""The quick reader of HTTP has the limit that its library lacks."""

from __future__ import annotations

import asyncio
import contextlib
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


async def _answers(*pieces: bytes) -> bytes:
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
            writer.write_eof()
        return await asyncio.wait_for(reader.read(), 5)
    except ConnectionError:
        return b""
    finally:
        writer.close()
        listening.close()


def answers(*pieces: bytes) -> bytes:
    return asyncio.run(_answers(*pieces))


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
