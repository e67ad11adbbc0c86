"""A matrix in 4 bits (NF4 under double quantisation) or 8 bits, and its values again.

The codes are bitsandbytes' own, so that what is packed here is what it would pack. Its kernels for
the CPU take every row of a matrix to begin a block, which is wrong where rows are no multiple of
64: everything is unpacked as one long row, which is right for every shape and device.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from math import ceil

import torch
from torch import Tensor
from torch.utils._python_dispatch import _disable_current_modes

from verilora.kernels.nf4 import BLOCK, SCALE_BLOCK, dynamic_map
from verilora.lora.fingerprint import has_values
from verilora.lora.quantised.library import bitsandbytes

SCHEMES = {
    "nf4": "4 bits (NF4, double quantisation)",
    "int8": "8 bits (a scale for each row)",
}
"""Scheme -> how it is told."""


@torch.no_grad()
def pack(matrix: Tensor, scheme: str) -> tuple[Tensor, dict[str, Tensor]]:
    """(codes, scales by name) of a matrix [out, in], on its device.

    nf4: uint8 [ceil(in · out / 2), 1], with `scale_codes` uint8 [blocks], `scale_magnitudes`
    float32 and `scale_offset`, a float32 scalar. int8: int8 [out, in], with `row_scales` float32
    [out]. A matrix without values gives shapes alone.
    Raises MissingExtraError without bitsandbytes.
    """
    if not has_values(matrix):
        return _shapes(matrix, scheme)
    functional = bitsandbytes().functional
    if scheme == "int8":
        # As Linear8bitLt does: from float16, the greatest of each row to 127.
        codes, row_scales, _ = functional.int8_vectorwise_quant(matrix.to(torch.float16))
        return codes, {"row_scales": row_scales.float()}
    codes, state = functional.quantize_4bit(
        matrix.contiguous(), blocksize=BLOCK, quant_type="nf4", compress_statistics=True
    )
    return codes, {
        "scale_codes": state.absmax,
        "scale_magnitudes": state.state2.absmax,
        "scale_offset": state.offset.float(),
    }


def unpack(
    codes: Tensor, scales: Mapping[str, Tensor], *, shape: tuple[int, int], dtype: torch.dtype
) -> Tensor:
    """The matrix [out, in] that the codes stand for, computed in float32 and rounded once."""
    if "row_scales" in scales:
        rows = scales["row_scales"].unsqueeze(1).mul(1.0 / 127.0)
        return codes.to(torch.float32).mul_(rows).to(dtype)
    blocks = scales["scale_codes"]
    steps = torch.tensor(_steps(), dtype=torch.float32, device=blocks.device)
    spread = scales["scale_magnitudes"].repeat_interleave(SCALE_BLOCK)[: blocks.numel()]
    greatest = steps[blocks.int()] * spread + scales["scale_offset"]
    return of_blocks(codes, greatest, kind="nf4", block=BLOCK, shape=shape, dtype=dtype)


def of_blocks(
    codes: Tensor,
    greatest: Tensor,
    *,
    kind: str,
    block: int,
    shape: tuple[int, int],
    dtype: torch.dtype,
) -> Tensor:
    """A matrix [out, in] from 4-bit codes and the greatest magnitude of each block, float32."""
    bitsandbytes()
    flat = (1, shape[0] * shape[1])
    values = torch.ops.bitsandbytes.dequantize_4bit.default(
        codes.view(torch.uint8), greatest, block, kind, flat, dtype
    )
    return values.view(shape)


@cache
def _steps() -> tuple[float, ...]:
    with _disable_current_modes():  # the values must be real even while shapes are traced
        return tuple(dynamic_map().tolist())


def _shapes(matrix: Tensor, scheme: str) -> tuple[Tensor, dict[str, Tensor]]:
    count, (rows, _) = matrix.numel(), matrix.shape
    if scheme == "int8":
        return (
            matrix.new_empty(matrix.shape, dtype=torch.int8),
            {"row_scales": matrix.new_empty(rows, dtype=torch.float32)},
        )
    blocks = ceil(count / BLOCK)
    return matrix.new_empty((ceil(count / 2), 1), dtype=torch.uint8), {
        "scale_codes": matrix.new_empty(blocks, dtype=torch.uint8),
        "scale_magnitudes": matrix.new_empty(ceil(blocks / SCALE_BLOCK), dtype=torch.float32),
        "scale_offset": matrix.new_empty((), dtype=torch.float32),
    }
