"""How much one request may ask: bodies, texts, pages; a path means one thing or nothing."""

from __future__ import annotations

import asyncio
import logging
import re
from typing import Any
from urllib.parse import parse_qsl

from verilora.errors import DataError
from verilora.records.strict_json import LONGEST, parse_strict
from verilora.web.headers import Application, Message, Receive, Scope, Send
from verilora.web.problems import KIND, Problem

LONGEST_QUERY = 500
"""Characters of a search text."""
LONGEST_ADDRESS = 4096
"""Bytes of a path with its query."""
PATIENCE = 10.0
"""Seconds that a body may take to come; who sends it drop by drop holds no place here."""
PAGE, MOST = 20, 100
"""Items of a page, unless more or fewer are asked for."""
LOG = logging.getLogger(__name__)
_TRICKS = re.compile(rb"%00|%2f|%5c|\\|//|(^|/)\.{1,2}(/|$)|%2e", re.IGNORECASE)


class Limits:
    """Refuses what is too large or has two meanings, before any route sees it."""

    def __init__(
        self, app: Application, *, longest: int = LONGEST, patience: float = PATIENCE
    ) -> None:
        self.app, self.longest, self.patience = app, longest, patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. The body is counted as it comes, whatever its header says."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            self._refuse_address(scope)
            async with asyncio.timeout(self.patience):
                body = await self._read(scope, receive)
        except TimeoutError:
            await _tell(send, Problem(408, "The body did not come in time; send it again."))
            return
        except Problem as problem:
            await _tell(send, problem)
            return

        async def replay() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        try:
            await self.app(scope, replay, send)
        except Exception:
            # Answered here and not by the server, so that this answer too has all its headers.
            LOG.exception("no answer to %s %s", scope["method"], scope["path"])
            await _tell(send, Problem(500, "A fault of this server, and not of the request."))

    def _refuse_address(self, scope: Scope) -> None:
        path, query = scope.get("raw_path") or b"", scope.get("query_string") or b""
        path = path.split(b"?")[0]
        if len(path) + len(query) > LONGEST_ADDRESS:
            raise Problem(414, f"The address is longer than {LONGEST_ADDRESS} bytes; shorten it.")
        if _TRICKS.search(path):
            raise Problem(400, "The path has parts that mean another path; write it plainly.")
        asked = [name for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True)]
        if len(set(asked)) < len(asked):
            raise Problem(400, "A parameter is given twice; say each once.")

    async def _read(self, scope: Scope, receive: Receive) -> bytes:
        told = dict(scope["headers"]).get(b"content-length", b"0")
        if told.isdigit() and int(told) > self.longest:
            raise self._too_large()
        parts, size, more = [], 0, True
        while more:
            message = await receive()
            part = message.get("body", b"")
            size += len(part)
            if size > self.longest:
                raise self._too_large()
            parts.append(part)
            more = message.get("more_body", False)
        return b"".join(parts)

    def _too_large(self) -> Problem:
        return Problem(413, f"The body is larger than {self.longest // 1024} KiB; send less.")


def read_object(content: bytes, *, allowed: dict[str, type | tuple[type, ...]]) -> dict[str, Any]:
    """The JSON object in a body, with these keys alone; strict, at most 32 levels deep.

    Raises Problem 400 for what is no strict JSON, 422 for keys or types that are not wanted.
    """
    try:
        data = parse_strict(content, name="the body")
    except DataError as error:
        raise Problem(400, str(error), faults=error.facts.get("faults", ())) from error
    if not isinstance(data, dict):
        raise Problem(422, f"The body is no object; wanted is one with {', '.join(allowed)}.")
    faults = [f"unknown key {key!r}" for key in data if key not in allowed]
    for key, kind in allowed.items():
        value = data.get(key)
        if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
            faults.append(f"{key} has the wrong type")
    if faults:
        raise Problem(422, f"The body is not understood: {'; '.join(faults)}.", faults=faults)
    return data


async def _tell(send: Send, problem: Problem) -> None:
    headers = [(b"content-type", KIND.encode())]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": problem.content()})
