"""Checkpoints on disk: whole or absent, and believed only if every byte is as it was written.

A checkpoint is a directory step-N with tensors.safetensors, state.json and digests.json (sha256
of the other two); nothing in it is unpickled or run. The last two are kept. Knows files and
plain values, never what they mean.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from verilora.atomic import write_directory
from verilora.errors import CheckpointError
from verilora.records.digests import digest_bytes

FORMAT = "verilora.checkpoint/1"
KEPT = 2
_TENSORS, _STATE, _DIGESTS = "tensors.safetensors", "state.json", "digests.json"


@dataclass(frozen=True)
class Checkpoint:
    """A session's state as plain values: named tensors and JSON data."""

    step: int
    tensors: dict[str, Tensor]
    state: dict[str, Any]


def write_checkpoint(directory: Path, checkpoint: Checkpoint) -> Path:
    """Adds a checkpoint to `directory`; older ones go only when it is whole and durable.

    Raises OutputError (a full disk, ...); what was there before is then untouched.
    """
    tensors = {name: value.contiguous() for name, value in checkpoint.tensors.items()}
    files = {
        _TENSORS: safetensors.torch.save(tensors),
        _STATE: _json({"format": FORMAT, "step": checkpoint.step, **checkpoint.state}),
    }
    files[_DIGESTS] = _json({name: digest_bytes(content) for name, content in files.items()})
    path = directory / f"step-{checkpoint.step:09d}"
    write_directory(path, files, overwrite=True)
    for old in (*_steps(directory)[KEPT:], *directory.glob(".step-*")):
        shutil.rmtree(old, ignore_errors=True)
    return path


def read_latest(directory: Path) -> tuple[Checkpoint | None, list[str]]:
    """The newest checkpoint that is whole (None if there is none at all), and what to say.

    A damaged one is passed over, and that is said; CheckpointError if every one is damaged.
    """
    faults: list[str] = []
    for path in _steps(directory):
        try:
            found = read_checkpoint(path)
        except CheckpointError as error:
            faults.append(str(error))
            continue
        if faults:
            faults.append(f"going on from the checkpoint before it, of step {found.step}")
        return found, faults
    if faults:
        raise CheckpointError(
            "no checkpoint can be used; start anew with --force\n" + "\n".join(faults),
            path=directory,
        )
    return None, []


def read_checkpoint(path: Path) -> Checkpoint:
    """The checkpoint at `path`. Raises CheckpointError if a file is missing or was changed."""
    contents = {name: _bytes(path, name) for name in (_TENSORS, _STATE, _DIGESTS)}
    digests = _mapping(path / _DIGESTS, contents.pop(_DIGESTS))
    for name, content in contents.items():
        if digests.get(name) != digest_bytes(content):
            raise _damaged(path, f"{name} is not as it was written (its sha256 differs)")
    state = _mapping(path / _STATE, contents[_STATE])
    if state.pop("format", None) != FORMAT:
        raise _damaged(path, f"{_STATE} is not of the format {FORMAT}")
    try:
        tensors = safetensors.torch.load(contents[_TENSORS])
    except SafetensorError as error:
        raise _damaged(path, f"{_TENSORS} cannot be read ({error})") from error
    return Checkpoint(state.pop("step"), tensors, state)


def _steps(directory: Path) -> list[Path]:
    """Newest first."""
    return sorted(directory.glob("step-*"), reverse=True)


def _bytes(path: Path, name: str) -> bytes:
    try:
        return (path / name).read_bytes()
    except OSError as error:
        raise _damaged(path, f"{name} cannot be read ({error.strerror})") from error


def _mapping(path: Path, content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except ValueError as error:
        raise _damaged(path.parent, f"{path.name} is not JSON ({error})") from error
    if not isinstance(value, dict):
        raise _damaged(path.parent, f"{path.name} holds no JSON object")
    return value


def _damaged(path: Path, what: str) -> CheckpointError:
    return CheckpointError(f"the checkpoint {path} is damaged: {what}", path=path)


def _json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()
