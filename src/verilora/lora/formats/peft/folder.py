"""An adapter directory on disk: which files are there, read once and held against their digests."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from verilora.lora.formats.documents import DocumentError, read_file
from verilora.lora.formats.faults import few, refuse
from verilora.lora.formats.peft.names import CONFIG, PICKLE, SIDECAR, WEIGHTS
from verilora.lora.formats.peft.sidecar import LARGEST as LARGEST_SIDECAR
from verilora.lora.formats.peft.sidecar import Sidecar, SidecarError, read_sidecar
from verilora.lora.formats.peft.stated import LARGEST as LARGEST_CONFIG
from verilora.lora.formats.peft.stated import Stated, StatedError, read_stated
from verilora.lora.formats.tensorfile import Entry, read_header, read_tensors
from verilora.records.digests import digest_bytes, digest_file


@dataclass(frozen=True)
class Folder:
    """What the files say, before a tensor is read."""

    path: Path
    entries: Mapping[str, Entry]
    stated: Stated
    sidecar: Sidecar | None
    edited: tuple[str, ...]
    """Faults of files whose digest is not the recorded one; the tensors' is not known yet."""

    def tensors(self) -> tuple[dict[str, Tensor], list[str]]:
        """Name -> tensor, all that the header names; and what forbids their use."""
        try:
            content = (self.path / WEIGHTS).read_bytes()
            found = read_tensors(content)
        except (OSError, DocumentError) as error:
            return {}, [f"{WEIGHTS} {error}"]
        faults = _edited(WEIGHTS, digest_bytes(content), sidecar=self.sidecar)
        if found.keys() != self.entries.keys():
            faults = (*faults, f"{WEIGHTS} was replaced while it was read; load it again")
        return found, list(faults)

    def weights_edited(self) -> tuple[str, ...]:
        """As above, without holding the tensors in memory."""
        if self.sidecar is None:
            return ()
        return _edited(WEIGHTS, digest_file(self.path / WEIGHTS), sidecar=self.sidecar)


def open_folder(path: Path) -> Folder:
    """Reads the JSON files and the header of the tensors.

    Raises AdapterFileError with every fault of every file.
    """
    _refuse_absent(path)
    faults: list[str] = []
    entries = _entries(path, faults)
    content = _content(path / CONFIG, limit=LARGEST_CONFIG, faults=faults)
    stated = None if content is None else _stated(content, faults)
    sidecar = _sidecar(path / SIDECAR, faults) if os.path.lexists(path / SIDECAR) else None
    if faults or content is None or stated is None:
        refuse(f"{path} cannot be loaded", faults, directory=path)
    edited = _edited(CONFIG, digest_bytes(content), sidecar=sidecar)
    return Folder(path, entries, stated, sidecar, edited)


def _refuse_absent(path: Path) -> None:
    if not path.is_dir():
        refuse(
            f"cannot load {path}",
            ["no such directory; an adapter of the hub is downloaded first, nothing is fetched"],
            directory=path,
        )
    faults = []
    if not (path / WEIGHTS).exists():
        faults.append(
            f"only {PICKLE} is there, a pickle, which could run any code; read it with "
            "verilora convert --to peft, which takes plain tensors alone"
            if (path / PICKLE).exists()
            else f"{WEIGHTS} is missing{_inner(path)}"
        )
    if not (path / CONFIG).exists():
        faults.append(f"{CONFIG} is missing")
    if faults:
        refuse(f"{path} holds no adapter that can be loaded", faults, directory=path)


def _inner(path: Path) -> str:
    """PEFT puts an adapter with a name of its own into a folder of that name."""
    inner = sorted(found.parent.name for found in path.glob(f"*/{WEIGHTS}"))
    return f"; there are adapters in its folders {few(inner)}" if inner else ""


def _entries(path: Path, faults: list[str]) -> dict[str, Entry]:
    try:
        return read_header(path / WEIGHTS)
    except DocumentError as error:
        faults.append(f"{WEIGHTS} {error}")
        return {}


def _content(path: Path, *, limit: int, faults: list[str]) -> bytes | None:
    try:
        return read_file(path, limit=limit)
    except DocumentError as error:
        faults.append(f"{path.name} {error}")
        return None


def _stated(content: bytes, faults: list[str]) -> Stated | None:
    try:
        return read_stated(content)
    except StatedError as error:
        faults += [f"{CONFIG}: {fault}" for fault in error.faults]
        return None


def _sidecar(path: Path, faults: list[str]) -> Sidecar | None:
    content = _content(path, limit=LARGEST_SIDECAR, faults=faults)
    if content is None:
        return None
    try:
        return read_sidecar(content)
    except SidecarError as error:
        faults += [f"{SIDECAR}: {fault}" for fault in error.faults]
        return None


def _edited(name: str, digest: str, *, sidecar: Sidecar | None) -> tuple[str, ...]:
    recorded = sidecar.files[name] if sidecar else digest
    if digest == recorded:
        return ()
    return (
        f"{name} was changed since it was written: its digest is {digest}, {SIDECAR} records "
        f"{recorded}",
    )
