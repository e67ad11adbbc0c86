"""safetensors files: the header checked before a byte of the tensors is read.

The library checks much of this too; here it is checked against the file's own size, with keys
given twice, and told in sentences. Knows no tensor names.
Source: the safetensors format, github.com/huggingface/safetensors, README ("Format").
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from verilora.lora.formats.documents import DocumentError, parse_document

LARGEST_HEADER = 32 << 20
"""Bytes; about 200,000 tensors."""
DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


@dataclass(frozen=True)
class Entry:
    """What the header says of one tensor."""

    dtype: torch.dtype
    shape: tuple[int, ...]
    start: int
    """First byte, counted from the end of the header."""
    end: int


def read_header(path: Path) -> dict[str, Entry]:
    """Name -> entry of each tensor in the file.

    Raises DocumentError for a pickle, a header longer than the file or than 32 MiB, one that is
    not strict JSON, and tensors that overlap, leave gaps or do not end where the file ends.
    """
    try:
        if not path.is_file():
            raise DocumentError("is no regular file")
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(8)
            _check_length(head, size)
            length = int.from_bytes(head, "little")
            content = file.read(length)
    except OSError as error:
        raise DocumentError(f"cannot be read ({error.strerror or error})") from error
    return entries_of(content, size - 8 - length)


def entries_of(header: bytes, data_bytes: int) -> dict[str, Entry]:
    """The entries of a header that is followed by `data_bytes` of tensors; raises as above."""
    if not header.startswith(b"{"):
        raise DocumentError("has a header that is no JSON object")
    try:
        found = parse_document(header)
    except DocumentError as error:
        raise DocumentError(f"has a header that {error}") from error
    _check_metadata(found.pop("__metadata__", {}))
    entries = {name: _entry(name, value) for name, value in found.items()}
    _check_cover(entries, data_bytes)
    return entries


def read_tensors(content: bytes) -> dict[str, Tensor]:
    """Name -> tensor, on the CPU, by name. Raises DocumentError for what the library refuses."""
    try:
        # The library's own order changes from one call to the next.
        return dict(sorted(safetensors.torch.load(content).items()))
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise DocumentError(f"is no safetensors file ({error})") from error


def tensor_bytes(tensors: dict[str, Tensor]) -> bytes:
    """The file for these tensors, as PEFT writes it: {"format": "pt"}, by dtype, then name."""
    # Copies, because tensors of one file may share no memory.
    plain = {
        name: tensor.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }
    return safetensors.torch.save(plain, metadata={"format": "pt"})


def _check_length(head: bytes, size: int) -> None:
    length = int.from_bytes(head, "little")
    if len(head) < 8:
        raise DocumentError(f"is cut off: {size} bytes hold no header")
    # A length may begin with the byte of a pickle too, but is not as long as a pickle's would be.
    if length > size - 8 and (head[:4] == b"PK\x03\x04" or head[:1] == b"\x80"):
        raise DocumentError("is a pickle, which could run any code; nothing is unpickled here")
    if length > size - 8:
        raise DocumentError(
            f"is cut off or forged: its header claims {length:,} bytes, {size - 8:,} follow"
        )
    if length > LARGEST_HEADER:
        raise DocumentError(
            f"has a header of {length:,} bytes; at most {LARGEST_HEADER:,} are read"
        )


def _check_metadata(metadata: Any) -> None:
    plain = isinstance(metadata, dict) and all(isinstance(v, str) for v in metadata.values())
    if not plain:
        raise DocumentError("has a header whose __metadata__ is not text by name")


def _entry(name: str, value: Any) -> Entry:
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise DocumentError(f"has a header that describes the tensor {name!r} in another form")
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise DocumentError(f"holds {name!r} as {dtype!r}; {', '.join(DTYPES)} are read")
    if not _sizes(shape) or not _sizes(offsets) or len(offsets) != 2:
        raise DocumentError(f"has a shape or offsets of {name!r} that are no sizes")
    entry = Entry(DTYPES[dtype], tuple(shape), *offsets)
    wanted = prod(shape) * entry.dtype.itemsize
    if entry.end - entry.start != wanted:
        raise DocumentError(
            f"gives {name!r} {entry.end - entry.start:,} bytes, but its shape and dtype need "
            f"{wanted:,}"
        )
    return entry


def _sizes(values: Any) -> bool:
    return isinstance(values, list) and all(type(v) is int and 0 <= v < 2**63 for v in values)


def _check_cover(entries: dict[str, Entry], data_bytes: int) -> None:
    reached = 0
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].start, item[1].end)):
        if entry.start != reached:
            fault = "overlaps another tensor" if entry.start < reached else "follows a gap"
            raise DocumentError(f"is forged or damaged: {name!r} {fault}")
        reached = entry.end
    if reached != data_bytes:
        raise DocumentError(
            f"is cut off or has something appended: its tensors need {reached:,} bytes, "
            f"{data_bytes:,} follow the header"
        )
