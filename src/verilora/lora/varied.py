"""The answer of a layer whose update is more than scale · BA: a start's pair, or DoRA's norms.

Beside the plain sum in `layers`, so that plain LoRA does not pay for it.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from verilora.lora.quantised.reading import weight_of


def varied(module: Any, x: Tensor, *, output: Tensor) -> Tensor:
    """The base's `output` for x with the update of an OutputAdapted module.

    y + (g - 1)(Wd - c(d)) + g t(d) - c(x), where y is the base's output, t the trained update, c
    the start's, g the rows' factors and d the dropped input: t = c and g = 1 at the start, so that
    y is left to the bit. The bias is not rescaled, and what is rescaled has seen the dropout, as
    in PEFT.
    Source: Liu et al. 2024, arXiv:2402.09353, eq. 5; Meng et al. 2024, arXiv:2404.02948, section 3
    (the residual W - BA).
    """
    lora, dropped = module.lora, module.lora_dropped(x)
    change = module.lora_update(dropped, output)
    start = module.lora_update(x, output, start=True) if lora.residual else None
    if not lora.rescales:
        return output + (change - start)
    base = _without_bias(module, x, dropped=dropped, output=output)
    if start is not None:
        base = base - (start if dropped is x else module.lora_update(dropped, output, start=True))
    weight = weight_of(module)
    factor = _shaped(module, lora.row_factors("weight", weight).flatten())
    change = factor.to(output.dtype) * change
    if start is not None:
        change = change - start
    return output + (factor - 1).to(output.dtype) * base + change


def _without_bias(module: Any, x: Tensor, *, dropped: Tensor, output: Tensor) -> Tensor:
    """The base's answer to the dropped input, its bias taken away."""
    if dropped is not x:
        output = module.lora_plain(dropped)
    bias = getattr(module, "bias", None)
    return output if bias is None else output - _shaped(module, bias).to(output.dtype)


def _shaped(module: Any, values: Tensor) -> Tensor:
    """[outputs] in the shape that is broadcast over the answer."""
    if module.lora_last:
        return values
    return values.view(-1, *[1] * (module._parameters["weight"].dim() - 2))
