"""Which device a run works on: the one chosen, else the first GPU, else the CPU."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

import torch

_CHOSEN: ContextVar[str | None] = ContextVar("verilora-device", default=None)


@contextlib.contextmanager
def on_device(name: str | None) -> Iterator[None]:
    """Runs made inside work on the device ("cpu", "cuda:1"); None changes nothing."""
    before = _CHOSEN.set(name or _CHOSEN.get())
    try:
        yield
    finally:
        _CHOSEN.reset(before)


def pick_device(name: str | None = None) -> torch.device:
    """The device named here, else the one of `on_device`, else the first GPU, else the CPU."""
    chosen = name or _CHOSEN.get()
    return torch.device(chosen or ("cuda" if torch.cuda.is_available() else "cpu"))
