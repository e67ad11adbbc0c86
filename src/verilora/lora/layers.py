"""How an adapted module computes: its own class with one method or attribute overridden.

`adapt` changes a module's class in place to a subclass of the class it had, so that
isinstance, its parameters' names and its other methods stay. Two ways, one meaning:

- *output*: forward adds the update's own output to the base's. For layers whose forward is known
  (Linear, Embedding, convolutions, GPT-2's Conv1D, unchanged by any subclass).
- *weight*: reading the parameter gives the effective weight. Right for every module whose forward
  reads its parameter, whatever it does with it: experts, scaled embeddings, subclasses with a
  forward of their own, and layers whose weight another module reads without calling them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn

from verilora.kernels.reference import embedding_update, linear_update, mix_channels
from verilora.lora.quantised import foreign
from verilora.lora.quantised.frozen import FrozenLinear
from verilora.lora.quantised.reading import base_product, is_transposed
from verilora.lora.update import UpdateSet
from verilora.lora.varied import varied

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


class Adapted:
    """A module that carries an UpdateSet as its `lora`. Mixed in before its own class.

    What it adds begins with `lora`, so that nothing of the module's own is hidden.
    """

    lora: UpdateSet
    lora_base: type[nn.Module]
    lora_read: tuple[str, ...] = ()

    def __reduce_ex__(self, protocol: Any) -> Any:
        # A class made at run time has no name to be pickled by: it is made again from its parts.
        way = next(way for way in _WAYS if isinstance(self, way))
        return _rebuild, (self.lora_base, way, self.lora_read), self.__getstate__()


class OutputAdapted(Adapted):
    """forward(x) = base forward(x) + update(x)."""

    lora_last = True
    """The outputs lie in the last dimension of the answer, else in that before the space."""

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """The base's output plus the update's."""
        output, lora = self.lora_plain(*args, **kwargs), self.lora
        if lora.merged:
            lora.refuse_training(self.lora_base.__name__)
            return output
        if self.lora.switch.turned and self.lora.switch.is_off:
            return output
        x = args[0] if args else next(iter(kwargs.values()))
        if lora.plain:
            return output + self.lora_update(self.lora_dropped(x), output)
        return varied(self, x, output=output)

    def lora_plain(self, *args: Any, **kwargs: Any) -> Tensor:
        """The base's own answer."""
        return super().forward(*args, **kwargs)  # type: ignore[misc]

    def lora_update(self, x: Tensor, output: Tensor, *, start: bool = False) -> Tensor:
        """scale · BAx, of the trained pair or the start's, in the shape of the base's `output`."""
        raise NotImplementedError

    def lora_dropped(self, x: Tensor) -> Tensor:
        """The input as the update sees it."""
        return self.lora.drop(x)


class LinearAdapted(OutputAdapted):
    """Linear [out, in], or GPT-2's Conv1D, which stores [in, out]; whole or in fused parts."""

    lora_transposed = False

    def lora_update(self, x: Tensor, output: Tensor, *, start: bool = False) -> Tensor:
        """scale · (x Aᵀ) Bᵀ, zeros outside the parts."""
        parts = []
        for update in self.lora.updates():
            a, b = update.factors(transposed=self.lora_transposed, start=start)
            parts.append((update.layout.rows, linear_update(x, a=a, b=b, scale=update.scale)))
        rows, first = parts[0]
        return first if rows is None else _side_by_side(parts, width=output.shape[-1])


class Conv1DAdapted(LinearAdapted):
    """GPT-2's Conv1D: a linear layer that stores its weight as [in, out]."""

    lora_transposed = True


class PackedAdapted(LinearAdapted):
    """A linear layer whose weight is kept in 4 or 8 bits; running it changes nothing of it."""

    @property
    def lora_transposed(self) -> bool:  # type: ignore[override]
        """As the weight was stored before it was packed."""
        return is_transposed(self)  # type: ignore[arg-type]

    def lora_plain(self, input: Tensor) -> Tensor:
        """The product with the packed weight, or while merged with the whole one."""
        return base_product(self, input)

    def _save_to_state_dict(self, *given: Any) -> None:
        # While merged it is a plain layer: what bitsandbytes keeps beside its weight is not of it.
        if self._parameters["weight"].is_floating_point():  # type: ignore[attr-defined]
            nn.Module._save_to_state_dict(self, *given)  # type: ignore[arg-type]
        else:
            super()._save_to_state_dict(*given)  # type: ignore[misc]


class EmbeddingAdapted(OutputAdapted):
    """Embedding [rows, dim]. The dropout does not apply: there is no input to drop from."""

    padding_idx: int | None

    def lora_dropped(self, x: Tensor) -> Tensor:
        """The ids as they are."""
        return x

    def lora_update(self, x: Tensor, output: Tensor, *, start: bool = False) -> Tensor:
        """scale · B A[:, id] for each id."""
        (update,) = self.lora.updates()
        a, b = update.factors(transposed=True, start=start)
        return embedding_update(
            x, a=a, b=b, scale=update.scale, padding_idx=self.padding_idx, dtype=output.dtype
        )


class ConvAdapted(OutputAdapted):
    """Convolution [out, in/groups, *kernel], any stride, dilation, padding mode and groups.

    A is a kernel [rank, in/groups, *kernel], B a 1-wide kernel: their product is exactly the
    convolution by ΔW = BA. With groups every group uses the same A, so ΔW itself is convolved,
    which costs what the base costs, and not groups · rank channels.
    """

    lora_last = False
    groups: int
    _conv_forward: Callable[[Tensor, Tensor, Tensor | None], Tensor]

    def lora_update(self, x: Tensor, output: Tensor, *, start: bool = False) -> Tensor:
        """scale · conv1(conv(x, A), B)."""
        (update,) = self.lora.updates()
        if self.groups > 1:
            wide = torch.promote_types(x.dtype, torch.float32)
            return self._conv_forward(x, update.dense_pair(wide, start=start).to(x.dtype), None)
        a, b = update.factors(transposed=False, start=start)
        kernel = a.to(x.dtype).view(update.rank, *update.layout.shape[1:])
        h = self._conv_forward(x, kernel, None)
        return mix_channels(h, b=b, scale=update.scale, dimensions=kernel.dim() - 2)


class WeightAdapted(Adapted):
    """Reading an adapted parameter gives base + update; the registered parameter stays frozen."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The base's own forward; an effective weight that it reads often is made once."""
        updates, before = self.lora, self.lora.seen
        updates.seen = {}
        try:
            return super().forward(*args, **kwargs)  # type: ignore[misc]
        finally:
            updates.seen = before


_WAYS = (Conv1DAdapted, PackedAdapted, LinearAdapted, EmbeddingAdapted, ConvAdapted, WeightAdapted)


def adapt(module: nn.Module, way: type[Adapted], *, updates: UpdateSet, owner: bool = True) -> None:
    """Gives the module its new class and its updates, in place; all or nothing.

    Only their owner has them as a child; a module that shares them by a tied weight has a plain
    reference, so that each update is in the model, and in its state dict, once.
    Raises TypeError if Python cannot change the class of such an object.
    """
    read = tuple(updates.parameters_updated()) if way is WeightAdapted else ()
    module.__class__ = adapted_class(type(module), way, read=read)
    (module._modules if owner else vars(module))["lora"] = updates


def restore(module: nn.Module) -> None:
    """Takes the updates off and gives the module its own class back."""
    if isinstance(module, Adapted):
        module._modules.pop("lora", None)
        vars(module).pop("lora", None)
        _rebind(module)
        module.__class__ = module.lora_base  # type: ignore[assignment]


def has_own_class(module: Adapted) -> bool:
    """True if the class is still the one given by `adapt`, not made from it by somebody else."""
    return "lora_base" in vars(type(module))


def _rebind(module: Any) -> None:
    """Makes methods kept on the object the base's: hooks put there since keep the old forward."""
    ours, base = type(module).forward, module.lora_base.forward
    for name, value in list(vars(module).items()):
        if isinstance(value, MethodType) and value.__func__ is ours and value.__self__ is module:
            vars(module)[name] = MethodType(base, module)


@cache
def adapted_class(
    base: type[nn.Module], way: type[Adapted], *, read: tuple[str, ...]
) -> type[nn.Module]:
    """The class that mixes `way` into `base`; the same object for the same arguments."""
    body: dict[str, Any] = {"lora_base": base, "lora_read": read, "__module__": __name__}
    body.update({name: property(_effective_weight(name)) for name in read})
    return type(f"Lora{base.__name__}", (way, base), body)


def way_for(module: nn.Module, *, is_read: bool = False) -> type[Adapted] | None:
    """How a module named as a target is adapted; None if it has no weight to adapt.

    `is_read`: another module reads its weight without calling it.
    """
    own = _known_way(module)
    if own is None:
        return None
    cls, way = own
    names = ("forward", "_conv_forward") if way is ConvAdapted else ("forward",)
    unchanged = all(
        getattr(type(module), name) is getattr(cls, name) and name not in vars(module)
        for name in names
    )
    return way if unchanged and not is_read else WeightAdapted


def is_conv1d_of_gpt2(module: nn.Module) -> bool:
    """True for transformers' Conv1D, known by its shape: transformers need not be installed."""
    weight = module._parameters.get("weight")
    width = getattr(module, "nf", None)
    return (
        any(cls.__name__ == "Conv1D" for cls in type(module).__mro__)
        and weight is not None
        and weight.dim() == 2
        and weight.shape[1] == width
    )


def _known_way(module: nn.Module) -> tuple[type[nn.Module], type[Adapted]] | None:
    if isinstance(module, FrozenLinear):
        return FrozenLinear, PackedAdapted
    kind = foreign.kind_of(module)
    if kind is not None:
        return next(c for c in type(module).__mro__ if c.__name__ == kind), PackedAdapted
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


def _side_by_side(parts: list[Any], *, width: int) -> Tensor:
    """[((start, stop), [..., stop - start]), ...] in order -> [..., width], zeros between."""
    pieces, end = [], 0
    for (start, stop), part in [*parts, ((width, width), None)]:
        if start > end:
            like = parts[0][1]
            pieces.append(like.new_zeros(*like.shape[:-1], start - end))
        if part is not None:
            pieces.append(part)
        end = stop
    return torch.cat(pieces, dim=-1)


def _effective_weight(name: str) -> Any:
    def read(self: Any) -> Tensor:
        updates = self.lora
        updates.refuse_training(self.lora_base.__name__)
        return updates.applied(name, self._parameters[name])

    return read


def _rebuild(base: type[nn.Module], *parts: Any) -> nn.Module:
    way, read = parts
    cls = adapted_class(base, way, read=read)
    return cls.__new__(cls)
