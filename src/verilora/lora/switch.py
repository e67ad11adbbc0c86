"""Whether a model's adapter is off, for the thread (or task) that asks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import Any


class Switch:
    """One for each attached model, shared by all its updates.

    A copy of the model gets a switch of its own, which is on.
    """

    def __init__(self) -> None:
        self.turned = False
        """Somebody, in some thread, has it off: the one word that is read while it is on, quick
        and known to torch.compile."""
        self.aside: list[tuple[dict[str, Any], str, Any]] = []
        """(registry, name, value) of the trained tensors that those of the base stand in for."""
        self.users = 0
        """How many blocks, of all threads, use those stand-ins now."""
        self._inside = 0

    def __reduce__(self) -> Any:
        return Switch, ()

    @property
    def is_off(self) -> bool:
        """True inside `off`, in the thread or task that entered it."""
        return self.turned and any(switch is self for switch in _OFF.get())

    @contextmanager
    def off(self) -> Iterator[None]:
        """Off inside; may be nested, and mixed with other switches."""
        token = _OFF.set((*_OFF.get(), self))
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)
            _OFF.reset(token)

    def _count(self, step: int) -> None:
        with _COUNTING:
            self._inside += step
            self.turned = self._inside > 0


_OFF: ContextVar[tuple[Switch, ...]] = ContextVar("verilora_switches_off", default=())
_COUNTING = Lock()
