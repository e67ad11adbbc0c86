"""How an adapted module computes: its own class with one method or attribute overridden.

`adapt` changes a module's class in place to a subclass of the class it had, so that
isinstance, its parameters' names and its other methods stay. Two ways, one meaning:

- *output*: forward adds the update's own output to the base's. For layers whose forward is known
  (Linear, Embedding, convolutions, GPT-2's Conv1D, unchanged by any subclass).
- *weight*: reading the parameter gives the effective weight. Right for every module whose forward
  reads its parameter, whatever it does with it: experts, scaled embeddings, subclasses with a
  forward of their own, and layers whose parent reads their weight without calling them.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from verilora.kernels.reference import embedding_update, linear_update, mix_channels
from verilora.lora.update import UpdateSet

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
# These read their children's weights without calling the children.
WEIGHT_READERS = (nn.MultiheadAttention, nn.TransformerEncoderLayer)


class Adapted:
    """A module that carries an UpdateSet as its child `lora`. Mixed in before its own class."""

    lora: UpdateSet
    base_class: type[nn.Module]
    read_parameters: tuple[str, ...] = ()

    def __reduce_ex__(self, protocol: Any) -> Any:
        way = next(way for way in _WAYS if isinstance(self, way))
        return _rebuild, (self.base_class, way, self.read_parameters), self.__getstate__()


class OutputAdapted(Adapted):
    """forward(x) = base forward(x) + update(x)."""

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """The base's output plus the update's."""
        output = super().forward(*args, **kwargs)  # type: ignore[misc]
        updates = self.lora
        if updates.merged:
            if updates.training and torch.is_grad_enabled():
                updates.refuse_training(self._get_name())  # type: ignore[attr-defined]
            return output
        x = args[0] if args else next(iter(kwargs.values()))
        return output + self.update(x, output)

    def update(self, x: Tensor, output: Tensor) -> Tensor:
        """What is added to the base's `output` for the input `x`."""
        raise NotImplementedError


class LinearAdapted(OutputAdapted):
    """Linear [out, in], or GPT-2's Conv1D, which stores [in, out]; whole or in fused parts."""

    stores_transposed = False

    def update(self, x: Tensor, output: Tensor) -> Tensor:
        """scale · (dropout(x) Aᵀ) Bᵀ, zeros outside the parts."""
        x = self.lora.drop(x)
        total = None
        for update in self.lora.updates():
            a, b = update.factors(transposed=self.stores_transposed)
            part = linear_update(x, a=a, b=b, scale=update.scale)
            rows = update.layout.rows
            if rows:
                part = nn.functional.pad(part, (rows[0], output.shape[-1] - rows[1]))
            total = part if total is None else total + part
        assert total is not None
        return total


class Conv1DAdapted(LinearAdapted):
    """GPT-2's Conv1D: a linear layer that stores its weight as [in, out]."""

    stores_transposed = True


class EmbeddingAdapted(OutputAdapted):
    """Embedding [rows, dim]. The dropout does not apply: there is no input to drop from."""

    padding_idx: int | None

    def update(self, x: Tensor, output: Tensor) -> Tensor:
        """scale · B A[:, id] for each id."""
        (update,) = self.lora.updates()
        a, b = update.factors(transposed=True)
        return embedding_update(
            x, a=a, b=b, scale=update.scale, padding_idx=self.padding_idx, dtype=output.dtype
        )


class ConvAdapted(OutputAdapted):
    """Convolution [out, in/groups, *kernel], any stride, dilation, padding mode and groups.

    A is a kernel [rank, in/groups, *kernel] used by every group, B a 1-wide kernel: the product
    is exactly the convolution by ΔW = B A, so that merging is possible with groups too.
    """

    groups: int

    def update(self, x: Tensor, output: Tensor) -> Tensor:
        """scale · conv1(conv(dropout(x), A), B)."""
        (update,) = self.lora.updates()
        kernel = update.A.to(x.dtype).view(update.rank, *update.layout.shape[1:])
        kernel = kernel.repeat(self.groups, *[1] * (kernel.dim() - 1))
        h = self._conv_forward(self.lora.drop(x), kernel, None)  # type: ignore[attr-defined]
        dimensions = len(update.layout.shape) - 2
        return mix_channels(
            h, b=update.B, scale=update.scale, groups=self.groups, dimensions=dimensions
        )


class WeightAdapted(Adapted):
    """Reading an adapted parameter gives base + update; the registered parameter stays frozen."""


_WAYS = (Conv1DAdapted, LinearAdapted, EmbeddingAdapted, ConvAdapted, WeightAdapted)


def adapt(module: nn.Module, way: type[Adapted], updates: UpdateSet) -> None:
    """Gives the module its updates and its new class, in place."""
    read = tuple(updates.parameters_updated()) if way is WeightAdapted else ()
    module.lora = updates
    module.__class__ = adapted_class(type(module), way, read)


def restore(module: nn.Module) -> None:
    """Takes the updates off and gives the module its own class back."""
    if isinstance(module, Adapted):
        del module._modules["lora"]
        module.__class__ = module.base_class


@cache
def adapted_class(
    base: type[nn.Module], way: type[Adapted], read: tuple[str, ...]
) -> type[nn.Module]:
    """The class that mixes `way` into `base`; the same object for the same arguments."""
    body: dict[str, Any] = {"base_class": base, "read_parameters": read, "__module__": __name__}
    body.update({name: property(_effective_weight(name)) for name in read})
    return type(f"Lora{base.__name__}", (way, base), body)


def way_for(module: nn.Module, parent: nn.Module | None) -> type[Adapted] | None:
    """How a module named as a target is adapted; None if it has no weight to adapt."""
    own = _known_way(module)
    if own is None:
        return None
    cls, way = own
    unchanged = type(module).forward is cls.forward and "forward" not in vars(module)
    return way if unchanged and not isinstance(parent, WEIGHT_READERS) else WeightAdapted


def is_conv1d_of_gpt2(module: nn.Module) -> bool:
    """True for transformers' Conv1D, known by its shape: transformers need not be installed."""
    weight = getattr(module, "weight", None)
    width = getattr(module, "nf", None)
    return (
        any(cls.__name__ == "Conv1D" for cls in type(module).__mro__)
        and isinstance(weight, Tensor)
        and weight.dim() == 2
        and weight.shape[1] == width
    )


def _known_way(module: nn.Module) -> tuple[type[nn.Module], type[Adapted]] | None:
    if isinstance(module, nn.Linear):
        return nn.Linear, LinearAdapted
    if isinstance(module, nn.Embedding):
        return nn.Embedding, EmbeddingAdapted
    for cls in CONVOLUTIONS:
        if isinstance(module, cls):
            return cls, ConvAdapted
    if is_conv1d_of_gpt2(module):
        return next(c for c in type(module).__mro__ if c.__name__ == "Conv1D"), Conv1DAdapted
    return None


def _effective_weight(name: str) -> Any:
    def read(self: Any) -> Tensor:
        weight, updates = self._parameters[name], self._modules["lora"]
        if updates.merged and updates.training and torch.is_grad_enabled():
            updates.refuse_training(self._get_name())
        return updates.applied(name, weight)

    return read


def _rebuild(base: type[nn.Module], way: type[Adapted], read: tuple[str, ...]) -> nn.Module:
    cls = adapted_class(base, way, read)
    return cls.__new__(cls)
