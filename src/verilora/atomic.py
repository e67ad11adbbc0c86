"""Writes that are whole or absent: a temporary sibling, fsync, then a rename.

Knows files only, never what they hold. A full disk or a missing right is an OutputError, and
what stood there before still stands.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from verilora.errors import OutputError

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
_ADVICE = {
    errno.ENOSPC: "free some space or choose another place",
    errno.EDQUOT: "free some of your quota or choose another place",
    errno.EACCES: "choose a place that you may write to",
    errno.EPERM: "choose a place that you may write to",
    errno.EROFS: "choose a place that you may write to",
    errno.ENOENT: "make its directory first, or choose another place",
}

FORCED = ", or say --force (overwrite=True in Python)"
"""How one goes on where a directory is occupied, if the caller can overwrite."""


def write_whole(path: Path, content: bytes) -> None:
    """Replaces the file `path` by `content`, or leaves it as it was.

    Durable when this returns: the file and its directory entry are fsynced. A file that was there
    keeps its permission bits; a link is followed.
    Raises OutputError if it cannot be written (no space, no right, no such directory).
    """
    path = _followed(path)
    temporary = _sibling(path)
    try:
        _write_durably(temporary, content, like=path)
        temporary.replace(path)
        _fsync_directory(path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def write_directory(path: Path, files: Mapping[str, bytes], *, overwrite: bool = False) -> None:
    """Puts a directory with exactly `files` (name -> content) at `path`, whole or not at all.

    Raises OutputError if `path` holds anything and `overwrite` is false, ValueError for a name
    that is not a plain file name.
    """
    for name in files:
        if name in ("", ".", "..") or Path(name).name != name:
            raise ValueError(f"{name!r} is not a plain file name")
    with staged_directory(path, overwrite=overwrite) as stage:
        for name, content in files.items():
            write_whole(stage / name, content)


@contextmanager
def staged_directory(
    path: Path, *, overwrite: bool = False, durable: bool = True
) -> Iterator[Path]:
    """A temporary sibling to fill; renamed to `path` when the block ends well, else removed.

    Durable when the block has ended: every file in it is fsynced before the rename. What can be
    made again at any time, in very many files, is not worth that: `durable` is false.
    With `overwrite` the old directory is moved aside first and removed last, so that a whole
    one always exists under one of two names.
    Raises OutputError if `path` is occupied, is the current directory, or cannot be written; an
    OSError of the block that concerns other files passes through as it is.
    """
    path = _followed(path)
    refuse_occupied(path, overwrite=overwrite)
    _refuse_current(path)
    stage = _sibling(path)
    try:
        _prepare(stage, path)
        try:
            yield stage
        except (OSError, OutputError) as error:
            cause = _concerning(stage, error)
            if cause is None:
                raise
            raise _unwritable(path, cause) from error
        if durable:
            _flush(stage, path)
        _move_in(stage, path, overwrite=overwrite)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def refuse_occupied(path: Path, *, overwrite: bool = False, way: str = FORCED) -> None:
    """Raises OutputError if `path` is a file, or a directory that is not empty.

    With `overwrite` a directory may hold something; a file is refused all the same. `way` is what
    the caller has besides choosing another directory.
    """
    path = Path(path)
    try:
        if not path.exists():
            return
        if path.is_dir() and (overwrite or not any(path.iterdir())):
            return
    except OSError as error:
        raise _unwritable(path, error) from error
    if not path.is_dir():
        raise OutputError(f"{path} is a file; choose a directory", path=path)
    raise OutputError(
        f"{path} is a directory that is not empty, and nothing is overwritten unasked: "
        f"choose another directory{way}",
        path=path,
    )


def _refuse_current(path: Path) -> None:
    # A directory that is replaced is another one under the same name: whoever stands in the old
    # one would go on seeing files that are gone.
    with suppress(FileNotFoundError):
        if Path.cwd().is_relative_to(path):
            raise OutputError(
                f"{path} is the current directory or holds it, and cannot be replaced as a whole; "
                "choose another one, such as a folder in it",
                path=path,
            )


def _prepare(stage: Path, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        stage.mkdir()
        if path.exists():
            stage.chmod(stat.S_IMODE(path.stat().st_mode))
    except OSError as error:
        raise _unwritable(path, error) from error


def _write_durably(path: Path, content: bytes, *, like: Path) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        if like.exists():
            path.chmod(stat.S_IMODE(like.stat().st_mode))
        os.fsync(file.fileno())


def _flush(stage: Path, path: Path) -> None:
    try:
        _fsync_tree(stage)
    except OSError as error:
        raise _unwritable(path, error) from error


def _move_in(stage: Path, path: Path, *, overwrite: bool) -> None:
    try:
        if overwrite and path.exists():
            _swap(stage, path)
        else:
            stage.replace(path)  # the kernel refuses if somebody filled `path` in the meantime
        _fsync_directory(path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error


def _swap(stage: Path, path: Path) -> None:
    aside = _sibling(path)
    path.replace(aside)
    try:
        stage.replace(path)
    finally:
        if path.exists():
            shutil.rmtree(aside, ignore_errors=True)
        else:
            aside.replace(path)


def _fsync_tree(directory: Path) -> None:
    for folder, _, names in os.walk(directory):
        for name in names:
            with (Path(folder) / name).open("rb") as file:
                os.fsync(file.fileno())
        _fsync_directory(Path(folder))


def _fsync_directory(directory: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems cannot fsync a directory; the rename itself is done.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def _followed(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _sibling(path: Path) -> Path:
    # Cut so that a long name does not grow past what file systems allow (255 bytes).
    return path.with_name(f".{path.name[:50]}.{secrets.token_hex(6)}")


def _concerning(stage: Path, error: OSError | OutputError) -> OSError | None:
    """The system's error behind `error` if it came from writing into `stage`, else None."""
    cause: Any = error.__cause__ if isinstance(error, OutputError) else error
    where = error.facts.get("path") if isinstance(error, OutputError) else error.filename
    if not isinstance(cause, OSError):
        return None
    if where is None:  # the system names no file when a write finds no room
        return cause if cause.errno in _NO_ROOM else None
    inside = isinstance(where, str | os.PathLike) and Path(where).is_relative_to(stage)
    return cause if inside else None


def _unwritable(path: Path, error: OSError) -> OutputError:
    advice = _ADVICE.get(error.errno or 0, "choose another place")
    return OutputError(
        f"cannot write {path}: {error.strerror or error}; {advice} (what was there is untouched)",
        path=path,
        errno=error.errno,
    )
