"""The digest of one tensor: what its bytes are called by."""

from __future__ import annotations

import ctypes
import hashlib

from torch import Tensor


def has_values(tensor: Tensor) -> bool:
    """False for tensors that stand for a shape alone: on the meta device, or fake ones."""
    # By name: importing the class takes time.
    return not tensor.is_meta and type(tensor).__name__ != "FakeTensor"


def tensor_digest(tensor: Tensor) -> str:
    """`sha256:<hex>` over dtype, shape and the bytes in row-major order, as they lie in memory.

    That is little-endian on every machine that verilora runs on. Needs no numpy.
    """
    plain = tensor.detach().to("cpu").contiguous()
    head = f"{str(plain.dtype).removeprefix('torch.')}[{','.join(map(str, plain.shape))}]"
    digest = hashlib.sha256(head.encode())
    size = plain.numel() * plain.element_size()
    if size:
        digest.update((ctypes.c_ubyte * size).from_address(plain.data_ptr()))
    return f"sha256:{digest.hexdigest()}"
