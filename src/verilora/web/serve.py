"""The server: uvicorn around the application, on one address."""

from __future__ import annotations

import uvicorn

from verilora.web.app import create_app
from verilora.web.finding import Site

MOST_WAITING = 512
"""Requests that are worked on at a time; more are told to come again (503)."""


def serve(house: Site, *, host: str, port: int) -> None:
    """Answers until it is interrupted. Says nothing of the software or of who asks."""
    uvicorn.run(
        create_app(house),
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=True,
        limit_concurrency=MOST_WAITING,
        timeout_keep_alive=5,
        h11_max_incomplete_event_size=16 * 1024,
    )
