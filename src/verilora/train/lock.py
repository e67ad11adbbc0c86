"""One run to a directory at a time."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from verilora.errors import OutputError

try:
    import fcntl
except ImportError:  # not a POSIX system: no lock there
    fcntl = None

NAME = ".lock"


@contextlib.contextmanager
def made_and_locked(directory: Path) -> Iterator[None]:
    """Makes the directory and locks it; if it was new and stayed empty, it goes again.

    Raises OutputError if it cannot be made or another run writes to it.
    """
    new = not directory.exists()
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot make the directory {directory}: {error.strerror}; choose another",
            path=directory,
        ) from error
    try:
        with locked(directory):
            yield
    finally:
        if new:
            with contextlib.suppress(OSError):
                directory.rmdir()


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Holds the directory's lock file while inside; the system lets go if the process dies.

    Raises OutputError at once if another run holds it.
    """
    path = directory / NAME
    descriptor = _acquire(path)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
        os.close(descriptor)


def _acquire(path: Path) -> int:
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise OutputError(
                f"cannot write {path.parent}: {error.strerror}; choose another directory",
                path=path.parent,
            ) from error
        try:
            _lock(descriptor)
        except OSError as error:
            os.close(descriptor)
            raise OutputError(
                f"another run is writing to {path.parent}; wait for it, or choose another "
                "directory",
                path=path.parent,
            ) from error
        if _still_there(path, descriptor):
            return descriptor
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    if fcntl is not None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _still_there(path: Path, descriptor: int) -> bool:
    """False if the run before removed the file between our opening and locking it."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
