"""Is this the base that the adapter was made on? By digests, or by the copies that PEFT keeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from verilora.errors import BaseMismatch
from verilora.lora.attachment import base_tensors
from verilora.lora.digests import tensor_digest
from verilora.lora.formats.faults import few, legible
from verilora.lora.formats.peft.inventory import Inventory
from verilora.lora.formats.peft.names import PREFIX, parse_factor, unwrapped
from verilora.lora.formats.peft.sidecar import Sidecar
from verilora.lora.formats.tensorfile import Entry


def base_of(model: nn.Module, inventory: Inventory, *, attached: bool) -> dict[str, Tensor]:
    """State name -> tensor of the base, without the modules trained whole."""
    if attached:
        return dict(base_tensors(model))
    whole = [model.get_submodule(path) for path in inventory.whole]
    inner = {id(module) for outer in whole for module in outer.modules()}
    # Modules of several paths are left out under each of them, as base_tensors does.
    trained = {path for path, m in model.named_modules(remove_duplicate=False) if id(m) in inner}
    return {
        name: tensor.detach()
        for name, tensor in model.state_dict(keep_vars=True).items()
        if isinstance(tensor, Tensor) and name.rpartition(".")[0] not in trained
    }


def base_copies(
    inventory: Inventory, entries: Mapping[str, Entry], base: Mapping[str, Tensor]
) -> dict[str, str]:
    """Tensor name -> state name of the base tensors that PEFT puts beside adapted embeddings."""
    own = {*inventory.saved, *inventory.echoes}
    names = {
        name: unwrapped(name.removeprefix(PREFIX))
        for name in entries
        if name.startswith(PREFIX) and name not in own and parse_factor(name) is None
    }
    return {name: state for name, state in names.items() if state in base}


def copy_faults(
    copies: Mapping[str, str], tensors: Mapping[str, Tensor], base: Mapping[str, Tensor]
) -> Iterator[str]:
    """Copies whose values are not the base's."""
    for name, state in copies.items():
        own, other = base[state].cpu(), tensors[name]
        if own.shape != other.shape:
            yield (
                f"'{name}' is the base's own with shape {tuple(other.shape)}, the model's has "
                f"{tuple(own.shape)}: the vocabulary was resized; resize the model's too"
            )
        # Saved beside a base of a wider or narrower dtype, it may have been rounded either way.
        elif not torch.equal(other.to(own.dtype), own) and not torch.equal(
            other, own.to(other.dtype)
        ):
            yield f"'{name}' is a copy of the base's, and the model's has other values"


def refuse_other_base(sidecar: Sidecar, base: Mapping[str, Tensor]) -> None:
    """Raises BaseMismatch, with the names that differ, if the base is not the recorded one."""
    recorded = sidecar.base
    shared = [name for name in recorded if name in base]
    differing = [name for name in shared if tensor_digest(base[name]) != recorded[name]]
    missing = sorted(set(recorded) - set(base))
    added = sorted(set(base) - set(recorded))
    if not (differing or missing or added):
        return
    told = [_told_differing(sidecar, base, differing, len(recorded))] if differing else []
    if missing:
        told.append(f"{len(missing)} of {len(recorded)} are not in it: {few(missing)}")
    if added:
        told.append(f"it has {len(added)} of other names: {few(added)}")
    raise BaseMismatch(
        "the model is not the base that the adapter was made on: "
        + legible("; ".join(told), longest=2000)
        + ". Load the same checkpoint in the same dtype, with every newly started module in "
        "modules_to_save; check_base=False goes on all the same",
        differing=tuple(differing),
        missing=tuple(missing),
        added=tuple(added),
        total=len(recorded),
    )


def _told_differing(
    sidecar: Sidecar, base: Mapping[str, Tensor], differing: list[str], total: int
) -> str:
    dtypes = sorted({str(tensor.dtype).removeprefix("torch.") for tensor in base.values()})
    other = f" (made on {', '.join(sidecar.dtypes)}, the model is {', '.join(dtypes)})"
    clause = other if tuple(dtypes) != sidecar.dtypes else ""
    return f"{len(differing)} of {total} tensors differ{clause}: {few(differing)}"
