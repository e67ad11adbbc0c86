from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from verilora.errors import CheckpointError, OutputError
from verilora.train import checkpoint as module
from verilora.train.checkpoint import (
    Checkpoint,
    read_checkpoint,
    read_latest,
    write_checkpoint,
)

NAMES = ("tensors.safetensors", "state.json", "digests.json")


def make(step: int) -> Checkpoint:
    tensors = {"weight/a": torch.arange(6.0).view(2, 3) + step, "random/cpu": torch.ones(3).byte()}
    return Checkpoint(step, tensors, {"seconds": 0.1 + step, "choice": {"value": None}})


def assert_same(found: Checkpoint, wanted: Checkpoint) -> None:
    assert (found.step, found.state) == (wanted.step, wanted.state)
    assert found.tensors.keys() == wanted.tensors.keys()
    assert all(torch.equal(found.tensors[name], wanted.tensors[name]) for name in wanted.tensors)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert_same(read_checkpoint(write_checkpoint(tmp_path / "c", make(3))), make(3))


def test_a_view_of_a_tensor_is_written_as_it_looks(tmp_path: Path) -> None:
    turned = Checkpoint(1, {"a": torch.arange(6.0).view(2, 3).t()}, {})
    assert_same(read_checkpoint(write_checkpoint(tmp_path, turned)), turned)


def test_the_newest_is_read_and_two_are_kept(tmp_path: Path) -> None:
    for step in (9, 10, 101):
        write_checkpoint(tmp_path, make(step))
    found, notes = read_latest(tmp_path)
    assert found is not None
    assert_same(found, make(101))
    assert notes == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000000010", "step-000000101"]


def test_none_is_none(tmp_path: Path) -> None:
    assert read_latest(tmp_path / "nothing") == (None, [])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("how", ["truncated", "flipped", "removed"])
def test_a_damaged_one_is_refused(tmp_path: Path, name: str, how: str) -> None:
    path = write_checkpoint(tmp_path, make(3))
    _damage(path / name, how)
    with pytest.raises(CheckpointError, match=r"damaged: .*(json|safetensors)"):
        read_checkpoint(path)
    with pytest.raises(CheckpointError, match="start anew with --force"):
        read_latest(tmp_path)


def test_every_single_bit_counts(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path, make(3)) / "tensors.safetensors"
    content = path.read_bytes()
    for place in range(0, len(content), 7):
        path.write_bytes(_flipped(content, place))
        with pytest.raises(CheckpointError):
            read_checkpoint(path.parent)


def test_the_one_before_a_damaged_one_is_used_and_that_is_said(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, make(3))
    _damage(write_checkpoint(tmp_path, make(5)) / "tensors.safetensors", "flipped")
    found, notes = read_latest(tmp_path)
    assert found is not None
    assert_same(found, make(3))
    assert "step-000000005 is damaged" in notes[0]
    assert "step 3" in notes[1]


def test_another_format_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FORMAT", "verilora.checkpoint/99")
    path = write_checkpoint(tmp_path, make(3))
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match=r"not of the format verilora\.checkpoint/1"):
        read_checkpoint(path)


def test_the_old_one_stays_if_the_new_one_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_checkpoint(tmp_path, make(3))

    def no_room(*_: object, **__: object) -> None:
        raise OutputError("no space left on device")

    monkeypatch.setattr(module, "write_directory", no_room)
    with pytest.raises(OutputError):
        write_checkpoint(tmp_path, make(5))
    found, _ = read_latest(tmp_path)
    assert found is not None
    assert_same(found, make(3))


def test_what_a_killed_writer_left_is_swept(tmp_path: Path) -> None:
    (tmp_path / ".step-000000004.abc").mkdir()
    write_checkpoint(tmp_path, make(5))
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000005"]


def test_no_pickle_is_inside(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path, make(3))
    assert sorted(item.name for item in path.iterdir()) == sorted(NAMES)
    assert json.loads((path / "state.json").read_bytes())["step"] == 3
    size = int.from_bytes((path / "tensors.safetensors").read_bytes()[:8], "little")
    assert json.loads((path / "tensors.safetensors").read_bytes()[8 : 8 + size])


def _damage(path: Path, how: str) -> None:
    content = path.read_bytes()
    if how == "removed":
        path.unlink()
    else:
        half = len(content) // 2
        path.write_bytes(content[:half] if how == "truncated" else _flipped(content, half))


def _flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :]
