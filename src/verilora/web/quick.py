"""The addresses that are asked most, answered at once: without a router, without another thread.

The same functions make the same answers as behind the routes; what they refuse, the routes tell of.
Only where the registry is a file, for then nothing has to be waited for. What was answered is kept
until the registry has changed, which is looked up before each answer.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable

from verilora.errors import RegistryError
from verilora.web import data, sharing, site
from verilora.web.finding import Site
from verilora.web.headers import Application, Receive, Scope, Send
from verilora.web.pages import HTML, JSON
from verilora.web.problems import Problem

MOST_BYTES = 32 * 2**20
"""Of answers that are kept."""
Answer = Callable[[Site, str], str | bytes]
ADDRESSES: dict[str, tuple[Answer, str]] = {
    r"/()": (lambda house, _: site.home(house), HTML),
    r"/claims/([0-9a-f]{16})": (site.claim, HTML),
    r"/embed/([0-9a-f]{16})": (site.embed, HTML),
    r"/verdicts/([0-9a-f]{64})": (site.verdict, HTML),
    r"/runs/([0-9a-f]{64})": (site.run, HTML),
    r"/tags/([a-z0-9-]{1,40})": (site.tag, HTML),
    r"/claims/([0-9a-f]{16})\.json": (data.claim, JSON),
    r"/api/v1/claims/([0-9a-f]{16})\.json": (data.claim, JSON),
    r"/badge/([0-9a-f]{16})\.svg": (sharing.badge, "image/svg+xml"),
}
_QUICK = [(re.compile(path), *answer) for path, answer in ADDRESSES.items()]


class Quick:
    """Answers GET for ADDRESSES; all else goes on to the application."""

    def __init__(self, app: Application, *, house: Site) -> None:
        self.app, self.house = app, house
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._bytes, self._newest = 0, -1

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, the address of which is plain (see Limits)."""
        found = self._answer(scope)
        if found is None:
            await self.app(scope, receive, send)
            return
        body, kind = found
        headers = [(b"content-type", kind.encode()), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _answer(self, scope: Scope) -> tuple[bytes, str] | None:
        if scope["type"] != "http" or scope["method"] != "GET" or scope["query_string"]:
            return None
        path: str = scope["path"]
        for pattern, make, kind in _QUICK:
            named = pattern.fullmatch(path)
            if named:
                body = self._kept_or_made(path, make, name=named[1])
                return None if body is None else (body, kind)
        return None

    def _kept_or_made(self, path: str, make: Answer, *, name: str) -> bytes | None:
        registry = self.house.registry
        try:
            if not registry.is_file:
                return None
            with registry.at_once():
                newest = registry.newest()
                if newest != self._newest:
                    self._kept.clear()
                    self._bytes, self._newest = 0, newest
                if path in self._kept:
                    self._kept.move_to_end(path)
                    return self._kept[path]
                made = make(self.house, name)
        except (Problem, RegistryError):
            return None
        return self._keep(path, made.encode() if isinstance(made, str) else made)

    def _keep(self, path: str, body: bytes) -> bytes:
        self._kept[path] = body
        self._bytes += len(body)
        while self._bytes > MOST_BYTES:
            self._bytes -= len(self._kept.popitem(last=False)[1])
        return body
