"""Atomic writes: whole or absent, whatever goes wrong in between."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from verilora.atomic import refuse_occupied, staged_directory, write_directory, write_whole
from verilora.errors import OutputError


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB of its own; skipped where none can be mounted."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(place)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        done = False
    if not done:
        pytest.skip("no right to mount a small file system here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def tree(directory: Path) -> dict[str, bytes]:
    """Every file below `directory`, hidden and temporary ones too."""
    files = (path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_bytes() for path in files}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_written_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    write_whole(path, b"old")
    write_whole(path, b"new")
    assert tree(tmp_path) == {"run.json": b"new"}


@pytest.mark.parametrize(("owner", "name"), [(os, "fsync"), (Path, "replace")])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EACCES])
def test_a_file_that_fails_leaves_the_old_one(
    owner: object, name: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    path = tmp_path / "run.json"
    write_whole(path, b"old")
    monkeypatch.setattr(owner, name, failing)
    with pytest.raises(OutputError, match=r"cannot write .*run\.json: .*untouched") as caught:
        write_whole(path, b"new")
    assert tree(tmp_path) == {"run.json": b"old"}
    assert caught.value.facts == {"path": path, "errno": code}
    assert isinstance(caught.value.__cause__, OSError)


def test_a_file_of_a_wrong_type_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    write_whole(path, b"old")
    with pytest.raises(TypeError):
        write_whole(path, "text")  # type: ignore[arg-type]
    assert tree(tmp_path) == {"run.json": b"old"}


def test_a_full_disk_leaves_the_old_file_and_directory(small_disk: Path) -> None:
    write_whole(small_disk / "file", b"old")
    write_directory(small_disk / "adapter", {"weights": b"old"})
    before = tree(small_disk)
    for attempt in (
        lambda: write_whole(small_disk / "file", bytes(200_000)),
        lambda: write_directory(
            small_disk / "adapter", {"a": b"new", "b": bytes(200_000)}, overwrite=True
        ),
    ):
        with pytest.raises(OutputError, match=r"No space left.*free some space") as caught:
            attempt()
        assert caught.value.facts["errno"] == errno.ENOSPC
        assert tree(small_disk) == before
    write_whole(small_disk / "file", b"new")


def test_a_full_disk_met_by_somebody_elses_write_is_told_too(small_disk: Path) -> None:
    with (
        pytest.raises(OutputError, match="No space left") as caught,
        staged_directory(small_disk / "out") as stage,
    ):
        (stage / "weights").write_bytes(bytes(200_000))
    assert caught.value.facts["path"] == small_disk / "out"
    assert tree(small_disk) == {}


@pytest.mark.parametrize("parent", ["absent", "file"])
def test_a_file_without_a_directory_is_refused(parent: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"here")
    with pytest.raises(OutputError, match="cannot write"):
        write_whole(tmp_path / parent / "run.json", b"new")
    assert tree(tmp_path) == {"file": b"here"}


def test_permission_bits_follow_the_umask_and_then_the_old_file(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_whole(tmp_path / "file", b"")
        write_directory(tmp_path / "directory", {"file": b""})
    finally:
        os.umask(before)
    assert mode(tmp_path / "file") == 0o640
    assert mode(tmp_path / "directory") == 0o750
    assert mode(tmp_path / "directory" / "file") == 0o640
    (tmp_path / "file").chmod(0o600)
    (tmp_path / "directory").chmod(0o700)
    write_whole(tmp_path / "file", b"new")
    write_directory(tmp_path / "directory", {"file": b""}, overwrite=True)
    assert mode(tmp_path / "file") == 0o600
    assert mode(tmp_path / "directory") == 0o700


def test_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    write_directory(tmp_path / "link", {"file": b"one"})
    (tmp_path / "name").symlink_to("real/file")
    write_whole(tmp_path / "name", b"two")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "name").is_symlink()
    assert (tmp_path / "real" / "file").read_bytes() == b"two"


def test_a_directory_is_put_whole(tmp_path: Path) -> None:
    write_directory(tmp_path / "deep" / "adapter", {"a": b"1", "b": b"2"})
    assert tree(tmp_path) == {"deep/adapter/a": b"1", "deep/adapter/b": b"2"}


@pytest.mark.parametrize("name", ["", "..", "../a", "a/b", "/a"])
def test_file_names_stay_in_the_directory(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not a plain file name"):
        write_directory(tmp_path / "adapter", {"fine": b"", name: b""})
    assert tree(tmp_path) == {}


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    place = tmp_path / "adapter"
    place.mkdir()
    refuse_occupied(place)
    write_directory(place, {"a": b"old", "b": b"old"})
    for attempt in (refuse_occupied, lambda path: write_directory(path, {"a": b"new"})):
        with pytest.raises(OutputError, match=r"adapter is a directory .*--force") as caught:
            attempt(place)
        assert caught.value.facts["path"] == place
    assert tree(place) == {"a": b"old", "b": b"old"}
    write_directory(place, {"a": b"new"}, overwrite=True)
    assert tree(tmp_path) == {"adapter/a": b"new"}


def test_a_file_is_never_replaced_by_a_directory(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"here")
    for overwrite in (False, True):
        with pytest.raises(OutputError, match="is a file; choose a directory"):
            write_directory(tmp_path / "file", {}, overwrite=overwrite)
    assert tree(tmp_path) == {"file": b"here"}


def test_the_current_directory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    for place in (Path(), inner, tmp_path / "a"):
        with pytest.raises(OutputError, match="current directory"):
            write_directory(place, {"file": b""}, overwrite=True)
    write_directory(Path("out"), {"file": b""})
    assert tree(inner) == {"out/file": b""}


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, GeneratorExit])
def test_a_block_that_ends_badly_leaves_the_old_one(
    error: type[BaseException], tmp_path: Path
) -> None:
    place = tmp_path / "run"
    write_directory(place, {"a": b"old"})
    with pytest.raises(error), staged_directory(place, overwrite=True) as stage:
        (stage / "a").write_bytes(b"new")
        raise error
    assert tree(tmp_path) == {"run/a": b"old"}
    assert len(list(tmp_path.iterdir())) == 1


def test_errors_about_other_files_pass_as_they_are(tmp_path: Path) -> None:
    def read_missing() -> None:
        (tmp_path / "missing").read_bytes()

    def no_answer() -> None:
        raise TimeoutError(errno.ETIMEDOUT, "no answer")

    def occupied() -> None:
        refuse_occupied(tmp_path)

    (tmp_path / "other").write_bytes(b"")
    for act, error in (
        (read_missing, FileNotFoundError),
        (no_answer, TimeoutError),
        (occupied, OutputError),
    ):
        with pytest.raises(error) as caught, staged_directory(tmp_path / "run"):
            act()
        assert "cannot write" not in str(caught.value)


def test_an_error_inside_names_the_directory_asked_for(tmp_path: Path) -> None:
    with pytest.raises(OutputError) as caught, staged_directory(tmp_path / "run") as stage:
        write_whole(stage / "absent" / "file", b"")
    assert caught.value.facts["path"] == tmp_path / "run"


def test_a_swap_that_fails_puts_the_old_one_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "run"
    write_directory(place, {"a": b"old"})
    replace = Path.replace

    def second_fails(self: Path, target: Path) -> Path:
        if target == place and (self / "new").exists():
            raise OSError(errno.EIO, "broken")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", second_fails)
    with pytest.raises(OutputError, match="broken"):
        write_directory(place, {"new": b""}, overwrite=True)
    assert tree(tmp_path) == {"run/a": b"old"}


def test_somebody_who_came_first_is_not_overwritten(tmp_path: Path) -> None:
    place = tmp_path / "run"
    with pytest.raises(OutputError, match="run"), staged_directory(place) as stage:
        (stage / "a").write_bytes(b"second")
        place.mkdir()
        (place / "a").write_bytes(b"first")
    assert tree(tmp_path) == {"run/a": b"first"}


def test_everything_is_synced_before_the_rename(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def noted_fsync(descriptor: int) -> None:
        told.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    def noted_replace(self: Path, target: Path) -> Path:
        told.append(f"-> {target.name}")
        return replace(self, target)

    if not Path("/proc/self/fd").exists():
        pytest.skip("needs /proc to know what is synced")
    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    with staged_directory(tmp_path / "run") as stage:
        (stage / "inner").mkdir()
        (stage / "inner" / "weights").write_bytes(b"x")
    assert told[-2:] == ["-> run", tmp_path.name]
    assert {"weights", "inner", stage.name} <= set(told[:-2])


def test_a_kill_leaves_the_old_one(tmp_path: Path) -> None:
    write_directory(tmp_path / "run", {"a": b"old"})
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from verilora.atomic import staged_directory, write_whole\n"
        "with staged_directory(Path(sys.argv[1]), overwrite=True) as stage:\n"
        "    write_whole(stage / 'a', b'new')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "run")], check=False)
    assert done.returncode == -signal.SIGKILL
    assert tree(tmp_path / "run") == {"a": b"old"}
    write_directory(tmp_path / "run", {"a": b"new"}, overwrite=True)
    assert tree(tmp_path / "run") == {"a": b"new"}


def test_long_names_fit(tmp_path: Path) -> None:
    name = "é" * 125  # 250 bytes of 255
    write_directory(tmp_path / name, {name: b"x"})
    assert tree(tmp_path) == {f"{name}/{name}": b"x"}
