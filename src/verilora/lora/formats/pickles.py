"""Pickled tensor files (.bin, .pt, .pth): read by torch's restricted reader alone, or refused.

`torch.load(weights_only=True)` builds tensors and plain containers and runs nothing. What it does
not understand is refused; so is a file whose tensors claim more than the file holds.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from verilora.lora.formats.documents import DocumentError, read_file

LARGEST = 16 << 30
"""Bytes of a pickled file that are read."""


def read_pickled(path: Path) -> dict[str, Any]:
    """The mapping in the file, on the CPU. Raises DocumentError for anything else.

    Costs the file's size in memory twice for a moment.
    """
    # Never more than there is: a buffer of the whole limit would be made beforehand.
    size = path.stat().st_size if path.is_file() else 0
    content = read_file(path, limit=min(LARGEST, size + 1))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's own, about forms of older files
            found = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # torch's reader meets forged bytes with errors of any kind
        raise DocumentError(
            f"is no whole file of plain tensors ({_first_line(error)}); a pickle could run any "
            "code, and only what torch.load(weights_only=True) understands is read"
        ) from error
    if not isinstance(found, Mapping):
        raise DocumentError(f"holds {type(found).__name__} where a mapping of names is wanted")
    return {str(name): value for name, value in found.items()}


def plain_tensors(found: Mapping[str, Any], *, file_bytes: int) -> dict[str, Tensor]:
    """Name -> tensor with memory of its own. Raises DocumentError for what is no dense tensor."""
    tensors = {}
    for name, value in found.items():
        if not isinstance(value, Tensor) or value.layout != torch.strided or value.is_quantized:
            raise DocumentError(
                f"holds {type(value).__name__} under {name!r} where a tensor is wanted"
            )
        if value.numel() * value.element_size() > file_bytes:
            raise DocumentError(f"is forged: {name!r} claims more values than the file holds")
        tensors[name] = value.detach().contiguous()
    return tensors


def pickled_bytes(value: Mapping[str, Any]) -> bytes:
    """The file for tensors and plain containers; the same bytes for equal data."""
    buffer = io.BytesIO()
    torch.save(_copied(value), buffer)
    return buffer.getvalue()


def _copied(value: Any) -> Any:
    # Memory of its own for each tensor: a view would bring all that it is a view of.
    if isinstance(value, Tensor):
        return value.detach().cpu().clone(memory_format=torch.contiguous_format)
    if isinstance(value, Mapping):
        return {name: _copied(item) for name, item in value.items()}
    return value


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
