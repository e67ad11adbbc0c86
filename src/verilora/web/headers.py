"""What every answer says besides its body: what a browser may do with it, and how long it holds.

One layer around the whole application, so that no route can forget it. An answer whose address
holds a digest never changes; everything else may be a minute old, for a retraction shows within
one. Source: RFC 9110 (sections 8.8.3 and 13.1.2), RFC 8246, CSP level 3, Fetch.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Pairs = list[tuple[bytes, bytes]]

STRICT = "default-src 'none'; base-uri 'none'; form-action {forms}; frame-ancestors {frames}"
LOOKS = "; style-src 'self'; img-src 'self'; script-src 'self'"
SHORT, LONG = "public, max-age=60", "public, max-age=31536000, immutable"
ANYONE = (b"access-control-allow-origin", b"*")
OPEN = ("/api/", "/embed/", "/badge/", "/oembed", "/cite/", "/feed.atom")
"""What other sites' scripts may read; the JSON twins and feeds too."""
DIGEST = re.compile(r"^/api/v1/payloads/[0-9a-f]{64}\.json$|^/static/")
"""Addresses of bytes: what was signed, a style sheet. An envelope may gain signatures."""


class Headers:
    """Answers HEAD and preflights, compares ETags, and adds the headers of `headers_of`."""

    def __init__(self, app: Application) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. Anything but HTTP passes as it is."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        method, path = scope["method"], scope["path"]
        if method == "OPTIONS":
            await _answer(send, 204, headers=_preflight(path), body=b"")
            return
        head = method == "HEAD"
        caught = _Caught()
        await self.app({**scope, "method": "GET"} if head else scope, receive, caught.take)
        status, body, tag = caught.status, caught.body, etag_of(caught.body)
        headers = [*caught.headers, *headers_of(path, status, kind=caught.kind, method=method)]
        if method in ("GET", "HEAD") and status == 200:
            headers.append((b"etag", tag))
            if {tag, b"*"} & {*_wanted_not(scope)}:
                kept = [pair for pair in headers if not pair[0].startswith(b"content-")]
                await _answer(send, 304, headers=kept, body=None)
                return
        await _answer(send, status, headers=headers, body=body, told=not head)


def headers_of(path: str, status: int, *, kind: str, method: str = "GET") -> Pairs:
    """The headers for an answer of content type `kind` at `path`."""
    embedded = path.startswith("/embed/") and status == 200
    policy = STRICT.format(
        forms="'self'" if kind.startswith("text/html") and not embedded else "'none'",
        frames="*" if embedded else "'none'",
    )
    told = {
        "content-security-policy": policy + (LOOKS if kind.startswith("text/html") else ""),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-resource-policy": "cross-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=()",
        "cache-control": "no-store" if method == "POST" else _cache(path, status),
    }
    pairs = [(name.encode(), value.encode()) for name, value in told.items()]
    return [*pairs, *([ANYONE] if is_open(path) else [])]


def is_open(path: str) -> bool:
    """True if any site's script may read it: nothing here depends on who asks."""
    return path.startswith(OPEN) or path.endswith((".json", ".atom"))


def etag_of(body: bytes) -> bytes:
    """A strong entity tag: of the bytes alone."""
    return b'"%s"' % hashlib.sha256(body).hexdigest()[:32].encode()


class _Caught:
    """An answer, whole; they are small, and a strong tag is known only at the end."""

    def __init__(self) -> None:
        self.status, self.body = 500, b""
        self.headers: Pairs = []

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = [p for p in message["headers"] if p[0].lower() != b"content-length"]
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    @property
    def kind(self) -> str:
        return dict(self.headers).get(b"content-type", b"").decode("latin-1")


def _cache(path: str, status: int) -> str:
    if status >= 400:
        return "no-store"
    return LONG if DIGEST.search(path) and status == 200 else SHORT


def _wanted_not(scope: Scope) -> list[bytes]:
    given = [value for name, value in scope["headers"] if name == b"if-none-match"]
    return [tag.strip().removeprefix(b"W/") for value in given for tag in value.split(b",")]


def _preflight(path: str) -> Pairs:
    pairs = headers_of(path, 204, kind="")
    if is_open(path):
        pairs += [
            (b"access-control-allow-methods", b"GET, HEAD, POST"),
            (b"access-control-allow-headers", b"content-type, if-none-match"),
            (b"access-control-max-age", b"86400"),
        ]
    return [*pairs, (b"allow", b"GET, HEAD, OPTIONS, POST")]


async def _answer(
    send: Send, status: int, *, headers: Pairs, body: bytes | None, told: bool = True
) -> None:
    length = [] if body is None else [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *length]})
    await send({"type": "http.response.body", "body": (body or b"") if told else b""})
