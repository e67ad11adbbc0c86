"""Layers that bitsandbytes itself packed, read without changing them; others are refused."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from verilora.lora.quantised.frozen import packed_product
from verilora.lora.quantised.library import bitsandbytes
from verilora.lora.quantised.packing import of_blocks

FOUR, EIGHT = "Linear4bit", "Linear8bitLt"
_PACKED_BY_OTHERS = ("qweight", "qzeros", "weight_packed", "W_q")
"""Names of tensors in the layers of GPTQ, AWQ, compressed-tensors and HQQ."""


def kind_of(module: nn.Module) -> str | None:
    """ "Linear4bit" or "Linear8bitLt" for bitsandbytes' layers with a packed weight, else None.

    Known by name: bitsandbytes need not be installed.
    """
    names = {c.__name__ for c in type(module).__mro__ if c.__module__.startswith("bitsandbytes.")}
    found = next((name for name in (FOUR, EIGHT) if name in names), None)
    weight = module._parameters.get("weight")
    packed = weight is not None and not weight.is_floating_point()
    return found if packed else None


def scheme_of(module: Any) -> str:
    """How the weight is kept, for a person."""
    if kind_of(module) == EIGHT:
        return "int8"
    state = module.weight.quant_state
    return f"{state.quant_type}, double" if state.nested else str(state.quant_type)


def values(module: Any, dtype: torch.dtype) -> Tensor:
    """W [out, in] that the codes stand for, in `dtype`."""
    if kind_of(module) == EIGHT:
        codes, rows = _eight(module)
        return codes.to(torch.float32).mul_(rows.unsqueeze(1).mul(1.0 / 127.0)).to(dtype)
    weight, state = module.weight, module.weight.quant_state
    greatest = state.absmax
    if state.nested:
        functional = bitsandbytes().functional
        greatest = functional.dequantize_blockwise(greatest, state.state2) + state.offset
    shape = (module.out_features, module.in_features)
    return of_blocks(
        weight.data,
        greatest.float(),
        kind=state.quant_type,
        block=state.blocksize,
        shape=shape,
        dtype=dtype,
    )


def dtype_of(module: Any) -> torch.dtype:
    """Of the weight that was packed, as far as the layer knows it."""
    if kind_of(module) == FOUR:
        return module.weight.quant_state.dtype
    bias = module._parameters.get("bias")
    return torch.float32 if bias is None else bias.dtype


def product(module: Any, x: Tensor) -> Tensor:
    """The layer's own answer, but for what its forward changes in the layer.

    In 4 bits with the exact scales and in its compute dtype, in training and evaluation alike.
    """
    if kind_of(module) == EIGHT:
        return _product_of_eight(module, x)
    dtype = module.compute_dtype if module.compute_type_is_set else None
    wanted = dtype or (x.dtype if x.dtype in (torch.float32, torch.bfloat16) else torch.float32)
    found = packed_product(x.to(wanted), lambda kind: values(module, kind), bias=module.bias)
    return found.to(x.dtype)


def packed_tensors(module: Any) -> dict[str, Tensor]:
    """State name within the module -> tensor, of all that the packed weight consists of."""
    weight = module._parameters["weight"]
    if kind_of(module) == EIGHT:
        return {"weight": weight.data, "SCB": _eight(module)[1]}
    state = weight.quant_state.as_dict(packed=True)
    return {"weight": weight.data, **{f"weight.{name}": part for name, part in state.items()}}


def refuse_others(module: nn.Module, path: str) -> str | None:
    """Why a layer that is quantised by neither bitsandbytes nor us cannot be adapted, or None."""
    other = next((n for n in _PACKED_BY_OTHERS if hasattr(module, n)), None)
    if other is None:
        return None
    return (
        f"{path} ({type(module).__name__}) is quantised by a scheme that is not read here (it "
        f"holds '{other}'); load the base whole, or quantised by bitsandbytes (NF4 or int8)"
    )


def refuse(module: Any, path: str) -> str | None:
    """Why a layer that is packed cannot be adapted, or None."""
    if kind_of(module) == EIGHT and module.state.has_fp16_weights:
        return f"{path} packs its weight anew in each pass (has_fp16_weights=True); set it to False"
    if kind_of(module) == FOUR:
        return _refuse_four(module, path)
    return None


def _refuse_four(module: Any, path: str) -> str | None:
    state = getattr(module.weight, "quant_state", None)
    if state is None:
        return f"{path} has packed weights without their scales; load the base anew"
    if getattr(state, "packing_format_for_cpu", False):
        return (
            f"{path} was repacked by bitsandbytes when a CPU evaluated it, which rounded its "
            "scales for good; load the base anew, and attach before the model is run"
        )
    if module.weight.device.type != "cpu" or module.weight.is_meta:
        return None
    read = bitsandbytes().functional.dequantize_4bit(module.weight.data, state)
    if torch.equal(read, values(module, read.dtype)):
        return None
    return (
        f"bitsandbytes reads {path} wrongly on a CPU: its rows of {module.in_features} are no "
        f'multiple of {state.blocksize}; use a GPU, or load the base whole and set base = "nf4"'
    )


def _eight(module: Any) -> tuple[Tensor, Tensor]:
    """Codes and row scales, which the layer keeps in one of two places."""
    weight, state = module._parameters["weight"], module.state
    rows = state.SCB if weight.SCB is None else weight.SCB
    return weight.data, rows


def _product_of_eight(module: Any, x: Tensor) -> Tensor:
    state = module.state
    if state.CB is None:
        state.CB, state.SCB = _eight(module)
    state.is_training = module.training
    bias = None if module.bias is None else module.bias.to(x.dtype)
    return bitsandbytes().matmul(x, module.weight, bias=bias, state=state)
