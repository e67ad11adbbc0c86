"""DoRA's magnitudes in the file: one tensor for each module, with a number for every output."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from verilora.kernels.magnitude import row_norms
from verilora.lora.attachment import updates_of
from verilora.lora.formats.peft.blocks import Block
from verilora.lora.formats.peft.forms import FormError
from verilora.lora.formats.peft.names import MAGNITUDE, PREFIX
from verilora.lora.formats.peft.sites import Site
from verilora.lora.layers import CONVOLUTIONS
from verilora.lora.update import LowRankUpdate

CLOSE = 1e-4
"""How far a magnitude outside the parts may be from the base's norm, as a share of it."""


def magnitude_name(block: Block) -> str:
    """The tensor's name; PEFT gives it no `.weight`."""
    return f"{PREFIX}{block.target}{MAGNITUDE}"


def magnitude_shape(block: Block) -> tuple[int, ...]:
    """[out], or [1, out, 1, ..] of a convolution."""
    layout = block.parts[0].layout
    out = layout.matrix_shape[0]
    if isinstance(block.site.module, CONVOLUTIONS):
        return (1, out, *[1] * (len(layout.shape) - 2))
    return (out,)


def magnitudes_of(model: nn.Module, site: Site) -> dict[str, Tensor]:
    """Name of each part -> its magnitude as it lies on the model."""
    updates = updates_of(model, site.path)
    found = {}
    for part in site.parts:
        update = updates[part.name]
        assert isinstance(update, LowRankUpdate)
        found[part.name] = update.magnitude
    return found


@torch.no_grad()
def pack(block: Block, own: Mapping[str, Tensor], *, weight: Tensor) -> Tensor:
    """The file's tensor; outputs of no part get the norms of the base's rows."""
    first = own[block.parts[0].name]
    whole = _base_norms(block, weight).to(first.dtype)
    for part in block.parts:
        start, end = part.layout.rows or (0, whole.numel())
        whole[start:end] = own[part.name]
    return whole.reshape(magnitude_shape(block))


@torch.no_grad()
def unpack(block: Block, tensor: Tensor, *, weight: Tensor) -> dict[str, Tensor]:
    """Name of each part -> its magnitude; FormError if another output is rescaled."""
    whole = tensor.flatten()
    found, rest = {}, torch.ones(whole.numel(), dtype=torch.bool)
    for part in block.parts:
        start, end = part.layout.rows or (0, whole.numel())
        found[part.name] = whole[start:end]
        rest[start:end] = False
    norms = _base_norms(block, weight).to("cpu", whole.dtype)
    if not torch.allclose(whole[rest].cpu(), norms[rest], rtol=CLOSE, atol=0):
        raise FormError("rescales outputs outside the parts of the fused projection")
    return found


def _base_norms(block: Block, weight: Tensor) -> Tensor:
    view = weight.detach().contiguous().flatten(1)
    if block.parts[0].layout.transposed:
        view = view.T
    return row_norms(view, [])
