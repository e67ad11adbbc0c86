"""What was seen of a trust file: only forward, and by one process at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from verilora.claims import memory
from verilora.claims.memory import Memory, refuse_older, remember
from verilora.claims.trust import read_trust, seal_trust
from verilora.errors import VerificationError


def opened(world: Any, version: int, **changes: Any) -> Any:
    found = read_trust(seal_trust(world.trust(version=version, **changes), [world.root]))
    return found.trust, found.opened


def seen(folder: Path) -> Memory:
    (place,) = folder.glob("*.json")
    return Memory.model_validate_json(place.read_bytes())


def test_the_newest_is_remembered(world: Any, tmp_path: Path) -> None:
    for version in (1, 3):
        remember(*opened(world, version), folder=tmp_path)
    found = seen(tmp_path)
    assert (found.version, found.roots) == (3, (world.root.public,))
    assert found.payload == opened(world, 3)[1].digest
    with pytest.raises(VerificationError, match="version 3 was seen here before"):
        remember(*opened(world, 2), folder=tmp_path)
    assert seen(tmp_path) == found


def test_to_look_is_not_to_remember(world: Any, tmp_path: Path) -> None:
    refuse_older(*opened(world, 7), folder=tmp_path)
    assert list(tmp_path.iterdir()) == []
    remember(*opened(world, 3), folder=tmp_path)
    refuse_older(*opened(world, 4), folder=tmp_path)
    assert seen(tmp_path).version == 3
    with pytest.raises(VerificationError, match="version 3 was seen"):
        refuse_older(*opened(world, 2), folder=tmp_path)


REMEMBER = """
import sys
from pathlib import Path
from verilora.claims.trust import load_trust
from verilora.errors import VerificationError
for name in sys.argv[2:]:
    try:
        load_trust(name, memory=Path(sys.argv[1]))
    except VerificationError as error:
        assert error.facts["state"] == "stale-trust", error
"""


@pytest.mark.skipif(os.name != "posix", reason="the lock is POSIX's")
def test_several_at_once_never_go_back(world: Any, tmp_path: Path) -> None:
    files = [str(tmp_path / f"{number}.dsse.json") for number in range(1, 41)]
    for number, name in enumerate(files, 1):
        Path(name).write_bytes(seal_trust(world.trust(version=number), [world.root]))
    folder = tmp_path / "seen"
    workers = [
        subprocess.Popen([sys.executable, "-c", REMEMBER, str(folder), *part])
        for part in (files[::-1], files, files[1::2])
    ]
    assert [worker.wait(60) for worker in workers] == [0] * 3
    assert seen(folder).version == 40


@pytest.mark.skipif(os.name != "posix", reason="the lock is POSIX's")
def test_what_is_compared_is_not_changed_meanwhile(
    world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer, write = opened(world, 9), memory.write_whole
    outcome: list[bool] = []

    def intrude(path: Path, content: bytes) -> None:
        # Between comparison and writing: nobody else may have the lock now.
        with path.with_suffix(".lock").open("ab") as file:
            try:
                memory.fcntl.flock(file, memory.fcntl.LOCK_EX | memory.fcntl.LOCK_NB)
            except BlockingIOError:
                outcome.append(True)
        write(path, content)

    monkeypatch.setattr(memory, "write_whole", intrude)
    remember(*newer, folder=tmp_path)
    assert outcome == [True]
    assert seen(tmp_path).version == 9


def test_a_place_that_cannot_be_written_stops_nothing(world: Any, tmp_path: Path) -> None:
    found = opened(world, 2)
    folder = tmp_path / "seen"
    folder.mkdir()
    (folder / f"{world.root.id}.lock").mkdir()  # no lock can be had
    remember(*found, folder=folder)
    assert seen(folder).version == 2


def test_what_is_kept_holds_nothing_secret(world: Any, tmp_path: Path) -> None:
    remember(*opened(world, 1), folder=tmp_path)
    (place,) = tmp_path.glob("*.json")
    assert set(json.loads(place.read_bytes())) == {"version", "payload", "roots"}
