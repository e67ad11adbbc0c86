"""A file held against an inventory: names, shapes, ranks, scales, values; all faults told.

Nothing here changes a model.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from verilora.lora.formats.faults import few
from verilora.lora.formats.peft.blocks import Block
from verilora.lora.formats.peft.forms import FormError
from verilora.lora.formats.peft.inventory import Inventory
from verilora.lora.formats.peft.names import PREFIX, parse_factor, unknown_kind, unwrapped
from verilora.lora.formats.peft.nesting import nesting_fault, prefix_fault
from verilora.lora.formats.peft.patterns import named_parameters
from verilora.lora.formats.peft.sites import Factors, base_modules
from verilora.lora.formats.peft.stated import Stated
from verilora.lora.formats.tensorfile import Entry

FLOATS = (torch.float64, torch.float32, torch.bfloat16, torch.float16)


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


def name_faults(
    model: nn.Module, inventory: Inventory, entries: Mapping[str, Entry], copies: Mapping[str, str]
) -> list[str]:
    """Tensors that are missing, and tensors that nothing needs."""
    wanted = {*inventory.saved, *inventory.echoes}
    wanted.update(n for block in inventory.blocks for n in (block.a_name, block.b_name))
    missing = sorted(wanted - set(entries))
    extra = sorted(set(entries) - wanted - set(copies))
    modules = base_modules(model)
    owners = dict.fromkeys(_owner(name) for name in extra)
    unknown = [path for path in owners if path not in modules]
    faults = [nesting_fault(unknown, modules)] if unknown else []
    known = [name for name in extra if _owner(name) in modules]
    faults += [f"the tensor '{name}' belongs to nothing that is adapted" for name in known]
    # Where all is one level off, the sentence about that says enough.
    told = unknown and len(unknown) == len(owners)
    return faults if told else faults + [f"the tensor '{name}' is missing" for name in missing]


def shape_faults(
    model: nn.Module, inventory: Inventory, entries: Mapping[str, Entry]
) -> Iterator[str]:
    """Tensors of another shape or dtype than the model's adapter has."""
    for block in inventory.blocks:
        for name, shape in ((block.a_name, block.form.a_shape), (block.b_name, block.form.b_shape)):
            entry = entries.get(name)
            if entry is not None:
                yield from _factor_faults(name, entry, shape, block)
    state = model.state_dict(keep_vars=True)
    for name, own in {**inventory.saved, **inventory.echoes}.items():
        entry, tensor = entries.get(name), state[own]
        if entry is None:
            continue
        if entry.shape != tuple(tensor.shape):
            yield f"'{name}' has shape {entry.shape}, the model's has {tuple(tensor.shape)}"
        elif entry.dtype != tensor.dtype and not {entry.dtype, tensor.dtype} <= set(FLOATS):
            yield f"'{name}' is {entry.dtype}, the model's is {tensor.dtype}"


def stated_faults(
    model: nn.Module, inventory: Inventory, stated: Stated, *, complete: bool
) -> Iterator[str]:
    """Ranks and scales that adapter_config.json states otherwise.

    `complete`: also what it targets and the file does not have, or the other way round.
    """
    for block in inventory.blocks:
        target = block.target
        rank, scale = stated.rank_of(target), stated.scale_of(target)
        if rank != block.rank:
            yield f"adapter_config.json states rank {rank} for '{target}'; it is {block.rank}"
        elif not math.isclose(scale, block.scale, rel_tol=1e-9):
            yield (
                f"adapter_config.json states the scale {scale:g} for '{target}' (alpha "
                f"{stated.alpha_of(target):g}); it is {block.scale:g} (alpha {block.alpha:g})"
            )
    if complete:
        yield from _target_faults(model, inventory, stated)


def placed(
    inventory: Inventory, tensors: Mapping[str, Tensor], faults: list[str]
) -> dict[str, dict[str, Factors]]:
    """Path -> part -> (A, B), taken out of the file's tensors; what is wrong goes to `faults`."""
    found: dict[str, dict[str, Factors]] = {}
    for block in inventory.blocks:
        a, b = tensors[block.a_name], tensors[block.b_name]
        faults += _value_faults(block.a_name, a)
        faults += _value_faults(block.b_name, b)
        try:
            pieces = block.form.unpack(a, b)
        except FormError as error:
            faults.append(f"the update of '{block.target}' {error}")
            continue
        own = {part.name: pair for part, pair in zip(block.parts, pieces, strict=True)}
        if not block.partner:
            found.setdefault(block.site.path, {}).update(own)
        elif not _same(own, found.get(block.site.path, own)):
            faults.append(
                f"'{block.target}' shares the weight of '{block.site.path}', but its update in "
                "the file is another one"
            )
    return found


def whole_values(
    model: nn.Module, inventory: Inventory, tensors: Mapping[str, Tensor], faults: list[str]
) -> dict[str, Tensor]:
    """State name -> value of the modules trained whole, in the model's dtype."""
    state = model.state_dict(keep_vars=True)
    found = {}
    for name, own in inventory.saved.items():
        faults += _value_faults(name, tensors[name])
        found[own] = tensors[name].to(state[own].dtype)
        if bool(tensors[name].isfinite().all()) and not bool(found[own].isfinite().all()):
            faults.append(f"'{name}' does not fit into the model's {state[own].dtype}")
    for name, own in inventory.echoes.items():
        if not torch.equal(tensors[name].to(found[own].dtype), found[own]):
            faults.append(f"'{name}' shares the weight '{own}', but has other values in the file")
    return found


def _factor_faults(name: str, entry: Entry, shape: tuple[int, ...], block: Block) -> Iterator[str]:
    if entry.dtype not in FLOATS:
        yield f"'{name}' is {entry.dtype}; a floating-point dtype is wanted"
    if entry.shape != shape:
        yield f"'{name}' has shape {entry.shape}; {shape} is wanted for rank {block.rank}"


def _target_faults(model: nn.Module, inventory: Inventory, stated: Stated) -> Iterator[str]:
    modules = base_modules(model)
    bare = {block.target for block in inventory.blocks if block.bare}
    adapted = {block.target for block in inventory.blocks} - bare
    every = [f"{path}.{name}" for path, module in modules.items() for name in module._parameters]
    lost = sorted(named_parameters(stated.parameters, every) - bare)
    if stated.targeting.names not in (None, "all-linear"):
        picked = stated.targeting.picks(modules)
        lost += sorted(picked - adapted)
        strange = sorted(adapted - picked) if not stated.tied else []
        if strange:
            yield f"adapter_config.json does not target {few(strange)}, whose updates are there"
    if lost:
        yield f"adapter_config.json targets {few(lost)}, whose updates are not in the file"


def _value_faults(name: str, tensor: Tensor) -> Iterator[str]:
    if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
        wrong = int((~tensor.isfinite()).sum())
        yield f"'{name}' has {wrong} values that are NaN or infinite"


def _same(own: Mapping[str, Factors], other: Mapping[str, Factors]) -> bool:
    return all(
        torch.equal(x, y) for name in own for x, y in zip(own[name], other[name], strict=True)
    )


def _owner(name: str) -> str:
    """Path of the module that a tensor belongs to."""
    parsed = parse_factor(name)
    return parsed.path if parsed else unwrapped(name.removeprefix(PREFIX)).rpartition(".")[0]
