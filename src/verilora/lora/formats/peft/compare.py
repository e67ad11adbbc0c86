"""A file's header and statements held against an inventory: names, shapes, ranks, scales.

No tensor is read, and nothing here changes a model.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from verilora.lora.formats.faults import few
from verilora.lora.formats.peft.blocks import Block
from verilora.lora.formats.peft.inventory import Inventory
from verilora.lora.formats.peft.magnitudes import magnitude_name, magnitude_shape
from verilora.lora.formats.peft.names import PREFIX, parse_factor, unknown_kind, unwrapped
from verilora.lora.formats.peft.nesting import nesting_fault, prefix_fault
from verilora.lora.formats.peft.patterns import named_parameters
from verilora.lora.formats.peft.sites import base_modules
from verilora.lora.formats.peft.stated import Stated
from verilora.lora.formats.tensorfile import Entry

FLOATS = (torch.float64, torch.float32, torch.bfloat16, torch.float16)


@dataclass(frozen=True)
class Comparison:
    """What an adapter of the model has to look like, and what the file has."""

    model: nn.Module
    inventory: Inventory
    entries: Mapping[str, Entry]
    copies: Mapping[str, str]
    """Tensors of the file that are copies of the base's."""

    def name_faults(self) -> list[str]:
        """Tensors that are missing, and tensors that nothing needs."""
        wanted = {*self.inventory.saved, *self.inventory.echoes}
        wanted.update(name for block in self.inventory.blocks for name in shapes_of(block))
        missing = sorted(wanted - set(self.entries))
        extra = sorted(set(self.entries) - wanted - set(self.copies))
        modules = base_modules(self.model)
        owners = dict.fromkeys(_owner(name) for name in extra)
        unknown = [path for path in owners if path not in modules]
        faults = [nesting_fault(unknown, modules)] if unknown else []
        if unknown and len(unknown) == len(owners):
            return faults  # all is one level off: that sentence says enough
        known = [name for name in extra if _owner(name) in modules]
        faults += [f"the tensor '{name}' belongs to nothing that is adapted" for name in known]
        return [*faults, *(f"the tensor '{name}' is missing" for name in missing)]

    def shape_faults(self) -> Iterator[str]:
        """Tensors of another shape or dtype than the model's adapter has."""
        for block in self.inventory.blocks:
            yield from self._factor_faults(block)
        state = self.model.state_dict(keep_vars=True)
        for name, own in {**self.inventory.saved, **self.inventory.echoes}.items():
            entry, tensor = self.entries.get(name), state[own]
            if entry is None:
                continue
            if entry.shape != tuple(tensor.shape):
                yield f"'{name}' has shape {entry.shape}, the model's has {tuple(tensor.shape)}"
            elif entry.dtype != tensor.dtype and not {entry.dtype, tensor.dtype} <= set(FLOATS):
                yield f"'{name}' is {entry.dtype}, the model's is {tensor.dtype}"

    def _factor_faults(self, block: Block) -> Iterator[str]:
        for name, shape in shapes_of(block).items():
            entry = self.entries.get(name)
            if entry is not None and entry.dtype not in FLOATS:
                yield f"'{name}' is {entry.dtype}; a floating-point dtype is wanted"
            if entry is not None and entry.shape != shape:
                yield f"'{name}' has shape {entry.shape}; {shape} is wanted for rank {block.rank}"

    def scale_faults(self, stated: Stated) -> Iterator[str]:
        """Ranks and scales that adapter_config.json states otherwise."""
        for block in self.inventory.blocks:
            rank, scale = stated.rank_of(block.target), stated.scale_of(block.target)
            where = f"for '{block.target}'"
            if rank != block.rank:
                yield f"adapter_config.json states rank {rank} {where}; it is {block.rank}"
            elif not math.isclose(scale, block.scale, rel_tol=1e-9):
                yield (
                    f"adapter_config.json states the scale {scale:g} {where} (alpha "
                    f"{stated.alpha_of(block.target):g}); it is {block.scale:g} (alpha "
                    f"{block.alpha:g})"
                )

    def target_faults(self, stated: Stated) -> Iterator[str]:
        """What adapter_config.json targets and the file does not have, or the other way round."""
        modules = base_modules(self.model)
        blocks = self.inventory.blocks
        bare = {block.target for block in blocks if block.bare}
        adapted = {block.target for block in blocks} - bare
        every = [f"{path}.{name}" for path, m in modules.items() for name in m._parameters]
        lost = sorted(named_parameters(stated.parameters, every) - bare)
        if stated.targeting.names not in (None, "all-linear"):
            picked = stated.targeting.picks(modules)
            lost += sorted(picked - adapted)
            # The other end of a tied target is adapted too, and not named.
            strange = [] if stated.tied else sorted(adapted - picked)
            if strange:
                yield f"adapter_config.json does not target {few(strange)}, whose updates are there"
        if lost:
            yield f"adapter_config.json targets {few(lost)}, whose updates are not in the file"


def shapes_of(block: Block) -> dict[str, tuple[int, ...]]:
    """Name and shape of each tensor of the block."""
    shapes = {block.a_name: block.form.a_shape, block.b_name: block.form.b_shape}
    if block.rescales:
        shapes[magnitude_name(block)] = magnitude_shape(block)
    return shapes


def kind_faults(names: Sequence[str]) -> list[str]:
    """Tensors that are no plain LoRA, and names of another format."""
    faults = [
        f"'{name}' is {kind}, which verilora does not have yet"
        for name in names
        for kind in [unknown_kind(name)]
        if kind
    ]
    foreign = prefix_fault(names)
    return [*faults, foreign] if foreign else faults


def _owner(name: str) -> str:
    """Path of the module that a tensor belongs to."""
    parsed = parse_factor(name)
    return parsed.path if parsed else unwrapped(name.removeprefix(PREFIX)).rpartition(".")[0]
