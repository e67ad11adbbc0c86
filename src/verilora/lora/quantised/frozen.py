"""FrozenLinear: a linear layer whose weight is packed, and the product with such a weight.

Running it changes nothing of it: not in training, not in evaluation. (bitsandbytes' own layers
cast their bias for good, and repack their weight with coarser scales when a CPU evaluates them.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from verilora.kernels.reference import without_autocast
from verilora.lora.fingerprint import has_values, tensor_digest
from verilora.lora.quantised.packing import pack, unpack


class Source(NamedTuple):
    """The weight that was packed: by it an adapter knows its base, packed or whole."""

    digest: str
    dtype: str


class FrozenLinear(nn.Linear):
    """y = x Wᵀ + b with W [out, in] packed in `weight` and scales beside it; b as it was.

    Of a Linear or of GPT-2's Conv1D, whose weight is stored as Wᵀ (`transposed`). Its `weight`
    may be a plain one for a while, when an adapter is merged into it.
    """

    def __init__(self, layer: nn.Module, scheme: str) -> None:
        nn.Module.__init__(self)
        weight = layer._parameters["weight"]
        assert weight is not None
        self.scheme = scheme
        self.transposed = not isinstance(layer, nn.Linear)
        matrix = weight.detach().t() if self.transposed else weight.detach()
        self.out_features, self.in_features = matrix.shape
        self.dtype = weight.dtype
        """Of the weight that was packed."""
        self.source = None
        if has_values(weight):
            told = str(weight.dtype).removeprefix("torch.")
            self.source = Source(tensor_digest(weight), told)
        codes, scales = pack(matrix, scheme)
        self.weight = nn.Parameter(codes, requires_grad=False)
        for name, scale in scales.items():
            self.register_buffer(name, scale)
        self.register_parameter("bias", layer._parameters.get("bias"))
        self.train(layer.training)

    def values(self, dtype: torch.dtype) -> Tensor:
        """W [out, in] as it is multiplied with."""
        shape = (self.out_features, self.in_features)
        scales = {name: scale for name, scale in self._buffers.items() if scale is not None}
        return unpack(self.weight, scales, shape=shape, dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        """x [.., in] -> [.., out] in x's dtype, or autocast's."""
        kind = x.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype
        if self.weight.is_floating_point():
            weight = self.weight.t() if self.transposed else self.weight
            return plain_product(x.to(dtype), weight, bias=self.bias)
        return packed_product(x.to(dtype), self.values, bias=self.bias)

    def extra_repr(self) -> str:
        """As nn.Linear's, and how the weight is kept."""
        return f"{super().extra_repr()}, kept as {self.scheme}"

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        """Moves the scales; their dtype is a part of what they mean."""
        before = dict(self._buffers)
        super()._apply(fn, recurse)
        for name, scale in before.items():
            moved = self._buffers[name]
            if scale is not None and moved is not None and moved.dtype != scale.dtype:
                self._buffers[name] = scale.to(moved.device)
        return self


def plain_product(x: Tensor, weight: Tensor, *, bias: Tensor | None) -> Tensor:
    """x Wᵀ + b in x's dtype, for W [out, in]."""
    return F.linear(x, weight.to(x.dtype), None if bias is None else bias.to(x.dtype))


def packed_product(
    x: Tensor, values: Callable[[torch.dtype], Tensor], *, bias: Tensor | None
) -> Tensor:
    """x Wᵀ + b in x's dtype; `values` gives W [out, in], once forward and once backward.

    Only x's gradient needs W, so that W is kept whole in neither pass. Any bias may be trained.
    """
    return _Product.apply(x, None if bias is None else bias.to(x.dtype), values)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *given: Any) -> Tensor:
        x, bias, values = given
        ctx.values = values
        with without_autocast(x.device.type):
            return F.linear(x, values(x.dtype), bias)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:  # type: ignore[override]
        of_x = of_bias = None
        if ctx.needs_input_grad[0]:
            with without_autocast(gradient.device.type):
                of_x = gradient @ ctx.values(gradient.dtype)
        if ctx.needs_input_grad[1]:
            of_bias = gradient.flatten(0, -2).sum(0) if gradient.dim() > 1 else gradient
        return of_x, of_bias, None
