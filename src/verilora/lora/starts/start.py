"""What a start gives."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Start:
    """A [.., rank, in] and B [.., out, rank] in float32 on the weight's device, and the base.

    The base stays W, or becomes W - s(BA) so that nothing changes (`residual`: the pair is kept
    and subtracted, W's own bits stay), or is replaced by `weight` in the parameter's own shape.
    """

    a: Tensor
    b: Tensor
    residual: bool = False
    weight: Tensor | None = None
