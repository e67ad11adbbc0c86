"""What of a directory goes to the hub: an adapter's own files, looked at before, nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import huggingface_hub
import yaml

from verilora.errors import AdapterFileError, told_together
from verilora.lora.formats.documents import DocumentError, read_file
from verilora.lora.formats.peft.names import CARD, CONFIG, SIDECAR, WEIGHTS
from verilora.lora.formats.peft.sidecar import LARGEST, SidecarError, read_sidecar
from verilora.records.digests import digest_file

CLAIM = "claim.dsse.json"
SENT = (WEIGHTS, CONFIG, SIDECAR, CARD, CLAIM)
_PRIVATE = (b"PRIVATE KEY", b"-----BEGIN OPENSSH")
_LOOKED_AT = 64 << 10
"""Bytes of each file in which a private key would show."""


@dataclass(frozen=True)
class Parcel:
    """An adapter directory as it would be sent."""

    directory: Path
    files: tuple[tuple[str, int, str], ...]
    """Name, bytes and digest of each file that goes."""
    left: tuple[str, ...]
    """Names of what stays here."""
    warnings: tuple[str, ...]
    """What a reader of the hub would miss."""

    @property
    def size(self) -> int:
        """Bytes of all that goes."""
        return sum(size for _, size, _ in self.files)

    def to_mapping(self) -> dict[str, Any]:
        """Plain JSON data."""
        files = [{"name": n, "bytes": size, "digest": d} for n, size, d in self.files]
        return {
            "directory": str(self.directory),
            "files": files,
            "bytes": self.size,
            "left": list(self.left),
            "warnings": list(self.warnings),
        }

    def __str__(self) -> str:
        lines = [f"  {name:<28} {size:>13,} bytes  {digest}" for name, size, digest in self.files]
        lines.append(f"  {len(self.files)} files, {self.size:,} bytes")
        lines += [f"stays here: {', '.join(self.left)}"] if self.left else []
        return "\n".join([*lines, *(f"note: {warning}" for warning in self.warnings)])


def pack(directory: Path) -> Parcel:
    """The parcel of an adapter's directory; nothing is sent.

    Raises AdapterFileError with every fault: files that are missing, links, or not those whose
    digests verilora.json gives; metadata that the hub would refuse; a private key anywhere in it.
    """
    faults = [*_lacking(directory), *_private(directory), *_links(directory)]
    faults = faults or [*_changed(directory), *_unreadable(directory)]
    if faults:
        told = told_together(f"{directory} is not sent", faults)
        raise AdapterFileError(told, path=directory, faults=tuple(faults))
    there = [directory / name for name in SENT if (directory / name).is_file()]
    files = tuple((path.name, path.stat().st_size, digest_file(path)) for path in there)
    left = tuple(sorted(path.name for path in directory.iterdir() if path.name not in SENT))
    return Parcel(directory, files, left, tuple(_warnings(directory)))


def _lacking(directory: Path) -> Iterator[str]:
    for name in (WEIGHTS, CONFIG):
        if not (directory / name).is_file():
            yield f"{name} is missing; a directory that save_adapter wrote is wanted"


def _private(directory: Path) -> Iterator[str]:
    """What lies beside a private key is not sent: it may be another directory than was meant."""
    for path in sorted(directory.rglob("*")) if directory.is_dir() else ():
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                head = file.read(_LOOKED_AT)
            if path.name != WEIGHTS and any(mark in head for mark in _PRIVATE):
                name = path.relative_to(directory).as_posix()
                yield f"{name} looks like a private key; move it out of this directory first"


def _links(directory: Path) -> Iterator[str]:
    for name in SENT:
        if (directory / name).is_symlink():
            yield f"{name} is a link; what it leads to may be another's: put the file itself there"


def _changed(directory: Path) -> Iterator[str]:
    path = directory / SIDECAR
    if not path.is_file():
        return
    try:
        stated = read_sidecar(read_file(path, limit=LARGEST)).files
    except (SidecarError, DocumentError) as error:
        yield f"{SIDECAR} cannot be read: {error}"
        return
    for name, digest in stated.items():
        if digest_file(directory / name) != digest:
            yield f"{name} is not the file whose digest {SIDECAR} gives; save the adapter again"


def _unreadable(directory: Path) -> Iterator[str]:
    try:
        _metadata(directory)
    except (yaml.YAMLError, ValueError, OSError) as error:
        yield f"the metadata at the head of {CARD} is no YAML: {str(error).splitlines()[0]}"


def _metadata(directory: Path) -> dict[str, Any]:
    path = directory / CARD
    return (huggingface_hub.metadata_load(path) or {}) if path.is_file() else {}


def _warnings(directory: Path) -> Iterator[str]:
    found = _metadata(directory)
    if not (directory / CARD).is_file():
        yield f"there is no {CARD}: the hub shows nothing of what this is"
    elif "license" not in found:
        yield f"no license is stated; add a line to the head of {CARD}, such as license: apache-2.0"
    if not found.get("base_model"):
        yield "no base_model is stated: the hub does not know what it belongs to"
    if not (directory / SIDECAR).is_file():
        yield f"there is no {SIDECAR}: nobody can check that the base is the right one"
