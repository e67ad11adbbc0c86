"""One face for weights packed here and by bitsandbytes: values, shape, scheme, bits."""

from __future__ import annotations

from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from verilora.lora.quantised import foreign
from verilora.lora.quantised.frozen import FrozenLinear, Source, plain_product


def is_packed(module: nn.Module) -> bool:
    """True if the weight is kept in 4 or 8 bits just now."""
    if isinstance(module, FrozenLinear):
        weight = module._parameters["weight"]
        return weight is not None and not weight.is_floating_point()
    return foreign.kind_of(module) is not None


def scheme_of(module: nn.Module) -> str | None:
    """How the weight is kept ("nf4", "int8"), or None for a plain one."""
    if not is_packed(module):
        return None
    return module.scheme if isinstance(module, FrozenLinear) else foreign.scheme_of(module)


def weight_of(module: nn.Module, name: str = "weight") -> Tensor:
    """The parameter as a plain tensor in the shape that it has, or had before it was packed."""
    if name == "weight" and is_packed(module):
        if isinstance(module, FrozenLinear):
            found = module.values(module.dtype)
            return found.t().contiguous() if module.transposed else found
        return foreign.values(module, foreign.dtype_of(module))
    parameter = module._parameters[name]
    assert parameter is not None
    return parameter


def shape_of(module: Any, name: str = "weight") -> tuple[int, ...]:
    """Shape of what `weight_of` gives, without unpacking it."""
    if name == "weight" and is_packed(module):
        shape = (module.out_features, module.in_features)
        return shape[::-1] if is_transposed(module) else shape
    return tuple(module._parameters[name].shape)


def is_transposed(module: nn.Module) -> bool:
    """True for a packed layer whose weight was stored as [in, out]."""
    return isinstance(module, FrozenLinear) and module.transposed


def computes_in(module: Any) -> torch.dtype:
    """The coarsest dtype that the layer's answer is computed in."""
    if foreign.kind_of(module) == foreign.EIGHT:
        return torch.bfloat16  # its input is rounded to 8 bits
    if foreign.kind_of(module) == foreign.FOUR:
        return module.compute_dtype or module.weight.quant_state.dtype
    return module.dtype if isinstance(module, FrozenLinear) else module.weight.dtype


def base_product(module: Any, x: Tensor) -> Tensor:
    """The layer's answer without any update; nothing of the layer is changed by it."""
    if isinstance(module, FrozenLinear):
        return FrozenLinear.forward(module, x)
    if is_packed(module):
        return foreign.product(module, x)
    return plain_product(x, module.weight, bias=module.bias)


def scalars(model: nn.Module) -> dict[int, int]:
    """id of each parameter -> how many numbers it stands for."""
    found = {id(parameter): parameter.numel() for parameter in model.parameters()}
    for module in model.modules():
        if is_packed(module):
            found[id(module._parameters["weight"])] = prod(shape_of(module))
    return found


def source_of(model: nn.Module, name: str) -> Source | None:
    """What the weight of this state name was before it was packed here; None for others."""
    path, _, attribute = name.rpartition(".")
    if attribute != "weight":
        return None
    try:
        module = model.get_submodule(path)
    except AttributeError:  # a name that leads nowhere, such as those of packed scales
        return None
    return module.source if isinstance(module, FrozenLinear) else None


def dtype_told(model: nn.Module, name: str, *, tensor: Tensor) -> str:
    """The dtype of a base tensor, of a packed one what it was before."""
    source = source_of(model, name)
    return str(tensor.dtype).removeprefix("torch.") if source is None else source.dtype


def schemes(model: nn.Module) -> dict[str, str]:
    """Path of each layer that was packed here -> its scheme, merged or not."""
    layers = [(p, m) for p, m in model.named_modules() if isinstance(m, FrozenLinear)]
    return {path: layer.scheme for path, layer in layers}


def is_scale(model: nn.Module, name: str) -> bool:
    """True for the scales of a weight that was packed here: a part of that weight."""
    path, _, attribute = name.rpartition(".")
    try:
        module = model.get_submodule(path)
    except AttributeError:
        return False
    return isinstance(module, FrozenLinear) and attribute in module._buffers


def packed_tensors(module: Any) -> dict[str, Tensor]:
    """State name within the module -> tensor, by which the packed weight is told from others."""
    if isinstance(module, FrozenLinear):
        return {"weight": module.weight}
    return foreign.packed_tensors(module)
