"""Digests of the base: what an adapter was made on, tensor by tensor."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor, nn

from verilora.lora.attachment import base_tensors


def base_digests(model: nn.Module) -> dict[str, str]:
    """State name -> `sha256:<hex>` of each base tensor as it was before attach.

    Modules trained whole are left out; merged or not makes no difference.
    Raises StateError if nothing is attached.
    """
    return {name: tensor_digest(tensor) for name, tensor in base_tensors(model)}


def tensor_digest(tensor: Tensor) -> str:
    """`sha256:<hex>` over dtype, shape and the bytes in row-major order, little-endian."""
    plain = tensor.detach().to("cpu").contiguous()
    head = f"{str(plain.dtype).removeprefix('torch.')}[{','.join(map(str, plain.shape))}]"
    digest = hashlib.sha256(head.encode())
    if plain.numel():
        digest.update(memoryview(plain.flatten().view(torch.uint8).numpy()))
    return f"sha256:{digest.hexdigest()}"
