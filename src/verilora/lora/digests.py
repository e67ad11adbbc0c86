"""Digests of the base: what an adapter was made on, tensor by tensor."""

from __future__ import annotations

import ctypes
import hashlib

from torch import Tensor, nn

from verilora.errors import StateError
from verilora.lora.attachment import attachment_of, base_tensors


def base_digests(model: nn.Module) -> dict[str, str]:
    """State name -> `sha256:<hex>` of each base tensor as it was before attach.

    Modules trained whole are left out; merged or not makes no difference.
    Raises StateError if nothing is attached, or if a tensor is on the meta device.
    """
    digests = {}
    for name, tensor in base_tensors(model):
        if tensor.is_meta:
            raise StateError(f"{name} is on the meta device and has no bytes; load its weights")
        digests[name] = tensor_digest(tensor)
    return digests


def replaced_digests(model: nn.Module) -> dict[str, str]:
    """Parameter name -> digest of each weight that a start put in the place of the base's (LoftQ).

    As it was put there. Raises StateError if nothing is attached.
    """
    return dict(attachment_of(model).replaced)


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
