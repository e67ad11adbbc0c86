"""Writes that are whole or absent: a temporary sibling, fsync, then a rename.

Knows files only, never what they hold. A full disk or a missing right is an OutputError, and
what stood there before still stands.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from verilora.errors import OutputError


def write_whole(path: Path, content: bytes) -> None:
    """Replaces the file `path` by `content`, or leaves it as it was.

    Durable when this returns: the file and its directory entry are fsynced.
    Raises OutputError if it cannot be written (no space, no right, no such directory).
    """
    path = Path(path)
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
        _fsync_directory(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise _unwritable(path, error) from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_directory(path: Path, files: Mapping[str, bytes], *, overwrite: bool = False) -> None:
    """Puts a directory with exactly `files` (name -> content) at `path`, whole or not at all.

    Raises OutputError if `path` holds anything and `overwrite` is false.
    """
    with staged_directory(path, overwrite=overwrite) as stage:
        for name, content in files.items():
            write_whole(stage / name, content)


@contextmanager
def staged_directory(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """A temporary sibling to fill; renamed to `path` when the block ends well, else removed.

    With `overwrite` the old directory is moved aside first and removed last, so that a whole
    one always exists under one of two names.
    """
    path = Path(path)
    refuse_occupied(path, overwrite=overwrite)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        stage.chmod(0o777 & ~_umask())
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        yield stage
        _swap(stage, path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def refuse_occupied(path: Path, *, overwrite: bool = False) -> None:
    """Raises OutputError if `path` is a file, or a directory that is not empty."""
    path = Path(path)
    if path.is_dir() and not any(path.iterdir()):
        return
    if path.is_dir() and overwrite:
        return
    if path.exists():
        kind = "a directory that is not empty" if path.is_dir() else "a file"
        raise OutputError(
            f"{path} is {kind}, and nothing is overwritten unasked: "
            "choose another directory, or say --force (overwrite=True in Python)",
            path=path,
        )


def _swap(stage: Path, path: Path) -> None:
    aside = None
    if path.exists():
        aside = Path(tempfile.mkdtemp(prefix=f".{path.name}.old.", dir=path.parent))
        path.replace(aside)
    stage.replace(path)
    _fsync_directory(path.parent)
    if aside is not None:
        shutil.rmtree(aside, ignore_errors=True)


def _fsync_directory(directory: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def _unwritable(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"cannot write {path}: {error.strerror or error}; "
        "free some space or choose another directory (what was there is untouched)",
        path=path,
        errno=error.errno,
    )
