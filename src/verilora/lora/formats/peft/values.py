"""Values: a file's tensors taken apart into the model's factors and whole modules, and checked.

Nothing here changes a model.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from verilora.lora.formats.peft.blocks import Block
from verilora.lora.formats.peft.forms import FormError
from verilora.lora.formats.peft.inventory import Inventory
from verilora.lora.formats.peft.magnitudes import magnitude_name, unpack
from verilora.lora.formats.peft.sites import Factors
from verilora.lora.quantised.reading import weight_of


class Values:
    """What the file gives each part of the model; `faults` says what it must not."""

    def __init__(
        self, model: nn.Module, inventory: Inventory, *, tensors: Mapping[str, Tensor]
    ) -> None:
        self.inventory = inventory
        self.faults = [fault for name in tensors for fault in _not_finite(name, tensors[name])]
        self.factors: dict[str, dict[str, Factors]] = {}
        """Path -> part -> (A, B), in the file's dtype."""
        self.whole: dict[str, Tensor] = {}
        """State name -> value of the modules trained whole, in the model's dtype."""
        self.magnitudes: dict[str, dict[str, Tensor]] = {}
        """Path -> part -> norms of its rows (DoRA), in the file's dtype."""
        for block in inventory.blocks:
            self._take_factors(block, tensors)
            if block.rescales:
                self._take_magnitude(block, tensors[magnitude_name(block)])
        if inventory.saved:
            self._take_whole(model.state_dict(keep_vars=True), tensors)

    def _take_factors(self, block: Block, tensors: Mapping[str, Tensor]) -> None:
        try:
            pairs = block.form.unpack(tensors[block.a_name], tensors[block.b_name])
        except FormError as error:
            self.faults.append(f"the update of '{block.target}' {error}")
            return
        own = {part.name: pair for part, pair in zip(block.parts, pairs, strict=True)}
        if not block.partner:
            self.factors.setdefault(block.site.path, {}).update(own)
        elif not _same(own, self.factors.get(block.site.path, own)):
            self.faults.append(
                f"'{block.target}' shares the weight of '{block.site.path}', but its update in "
                "the file is another one"
            )

    def _take_magnitude(self, block: Block, tensor: Tensor) -> None:
        weight = weight_of(block.site.module)
        try:
            self.magnitudes[block.site.path] = unpack(block, tensor, weight=weight)
        except FormError as error:
            self.faults.append(f"the magnitude of '{block.target}' {error}")

    def _take_whole(self, state: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> None:
        for name, own in self.inventory.saved.items():
            value = tensors[name].to(state[own].dtype)
            if bool((tensors[name].isfinite() & ~value.isfinite()).any()):
                self.faults.append(f"'{name}' does not fit into the model's {value.dtype}")
            if own in self.whole and not torch.equal(value, self.whole[own]):
                self.faults.append(f"'{name}' is the bias '{own}' again, with other values")
            self.whole[own] = value
        for name, own in self.inventory.echoes.items():
            if not torch.equal(tensors[name].to(self.whole[own].dtype), self.whole[own]):
                self.faults.append(f"'{name}' is the weight '{own}' again, with other values")


def _not_finite(name: str, tensor: Tensor) -> Iterator[str]:
    # A sum costs a fifth of the look at each value; where it is not finite, one may only be large.
    if not tensor.is_floating_point() or math.isfinite(tensor.sum().item()):
        return
    if not bool(tensor.isfinite().all()):
        yield f"'{name}' has {int((~tensor.isfinite()).sum())} values that are NaN or infinite"


def _same(own: Mapping[str, Factors], other: Mapping[str, Factors]) -> bool:
    return all(
        torch.equal(x, y) for name in own for x, y in zip(own[name], other[name], strict=True)
    )
