"""A packed weight exchanged for another, whole or packed again, and put back to the bit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from verilora.lora.quantised import foreign
from verilora.lora.quantised.frozen import FrozenLinear
from verilora.lora.quantised.library import bitsandbytes
from verilora.lora.quantised.packing import pack
from verilora.lora.quantised.reading import packed_tensors, weight_of


@dataclass(frozen=True)
class Kept:
    """All that the packed weight of one layer consists of, while another is in its place."""

    parameter: nn.Parameter
    scales: dict[str, Tensor | None]
    """Buffers of a FrozenLinear."""
    eight: tuple[Any, Any] | None
    """CB and SCB in the state of a Linear8bitLt."""
    tensors: dict[str, Tensor]
    """State name within the module -> tensor."""
    values: Tensor
    """The weight that the codes stand for, in the parameter's shape."""
    changed: bool
    """The values that came in its place are others."""


@torch.no_grad()
def exchange(module: Any, merged: Tensor, *, packed: bool = False) -> Kept:
    """Puts `merged`, in the shape of the layer's parameter, in the place of the packed weight.

    Whole, so that the layer is a plain one; or `packed` by the layer's own scheme.
    """
    before = weight_of(module)
    state = getattr(module, "state", None) if foreign.kind_of(module) == foreign.EIGHT else None
    parameter, scales = module._parameters["weight"], dict(module._buffers)
    tensors = packed_tensors(module)
    eight = None if state is None else (state.CB, state.SCB)
    reference = before
    if packed:
        # What packing again changes by itself is no change of the adapter's.
        _pack_into(module, before)
        reference = weight_of(module)
        _pack_into(module, merged)
    else:
        for name in scales:
            del module._buffers[name]
        module._parameters["weight"] = nn.Parameter(merged, requires_grad=False)
        if state is not None:
            state.CB = state.SCB = None
    changed = not torch.equal(weight_of(module), reference)
    return Kept(parameter, scales, eight, tensors, before, changed)


def put_back(module: Any, kept: Kept) -> None:
    """The packed weight again, to the bit, on the device where the layer is now."""
    device = module._parameters["weight"].device
    parameter = kept.parameter
    if parameter.device != device:
        moved = parameter.to(device)
        parameter = moved if isinstance(moved, nn.Parameter) else nn.Parameter(moved, False)
    module._parameters["weight"] = parameter
    scales = {n: s if s is None else s.to(device) for n, s in kept.scales.items()}
    module._buffers.update(scales)
    if kept.eight is not None:
        codes, rows = kept.eight
        module.state.CB = codes if codes is None else module._parameters["weight"].data
        module.state.SCB = rows if rows is None else rows.to(device)


def _pack_into(module: Any, merged: Tensor) -> None:
    if isinstance(module, FrozenLinear):
        matrix = merged.t() if module.transposed else merged
        codes, scales = pack(matrix, module.scheme)
        module._parameters["weight"] = nn.Parameter(codes, requires_grad=False)
        module._buffers.update(scales)
        return
    layers, old = bitsandbytes().nn, module._parameters["weight"]
    if foreign.kind_of(module) == foreign.EIGHT:
        fresh = layers.Int8Params(merged.cpu(), requires_grad=False, has_fp16_weights=False)
        module.state.CB = module.state.SCB = None
    else:
        fresh = layers.Params4bit(
            merged.cpu(),
            requires_grad=False,
            blocksize=old.quant_state.blocksize,
            compress_statistics=old.quant_state.nested,
            quant_type=old.quant_state.quant_type,
            quant_storage=old.quant_storage,
        )
    module._parameters["weight"] = fresh.to(old.device)
