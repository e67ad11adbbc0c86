"""events.jsonl: one line per event, in order, cut back to the checkpoint when a run goes on."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from verilora.errors import OutputError
from verilora.records.events import Evaluating, Event


class Journal:
    """An open events.jsonl. Lines reach the system at once, the disk at each `mark`."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._file = os.fdopen(descriptor, "ab", buffering=0)

    def write(self, event: Event) -> None:
        """Appends the event; those of single evaluation batches are left out."""
        if isinstance(event, Evaluating):
            return
        try:
            self._file.write(event.to_line().encode() + b"\n")
        except OSError as error:
            raise OutputError(
                f"cannot write {self._path}: {error.strerror}; free some space and go on with "
                "--resume",
                path=self._path,
            ) from error

    def mark(self) -> int:
        """The length so far, in bytes; durable when this returns."""
        os.fsync(self._file.fileno())
        return self._file.tell()

    def close(self) -> None:
        """Ends it."""
        self._file.close()


@contextlib.contextmanager
def open_journal(path: Path, keep: int) -> Iterator[Journal]:
    """The journal at `path`, cut back to its first `keep` bytes."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        if os.fstat(descriptor).st_size > keep:
            os.ftruncate(descriptor, keep)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}", path=path) from error
    journal = Journal(path, descriptor)
    try:
        yield journal
    finally:
        journal.close()
