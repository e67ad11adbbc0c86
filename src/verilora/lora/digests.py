"""Digests of the base: what an adapter was made on, tensor by tensor."""

from __future__ import annotations

from torch import nn

from verilora.errors import StateError
from verilora.lora.attachment import attachment_of, base_tensors
from verilora.lora.fingerprint import tensor_digest
from verilora.lora.quantised.reading import source_of


def base_digests(model: nn.Module) -> dict[str, str]:
    """State name -> `sha256:<hex>` of each base tensor as it was before attach.

    Modules trained whole are left out; merged or not makes no difference. A weight that verilora
    packed has the digest of what it packed: the base is the same, kept whole or in 4 bits. One that
    came packed has those of its codes and scales.
    Raises StateError if nothing is attached, or if a tensor is on the meta device.
    """
    digests = {}
    for name, tensor in base_tensors(model):
        if tensor.is_meta:
            raise StateError(f"{name} is on the meta device and has no bytes; load its weights")
        source = source_of(model, name)
        digests[name] = tensor_digest(tensor) if source is None else source.digest
    return digests


def replaced_digests(model: nn.Module) -> dict[str, str]:
    """Parameter name -> digest of each weight that a start put in the place of the base's (LoftQ).

    As it was put there. Raises StateError if nothing is attached.
    """
    return dict(attachment_of(model).replaced)
