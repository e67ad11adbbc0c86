"""Is this the base that the adapter was made on? By digests, or by the copies that PEFT keeps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress

import torch
from torch import Tensor, nn

from verilora.errors import BaseMismatch
from verilora.lora.attachment import base_tensors
from verilora.lora.fingerprint import tensor_digest
from verilora.lora.formats.faults import few, legible
from verilora.lora.formats.peft.inventory import Inventory
from verilora.lora.formats.peft.names import PREFIX, WRAPPED, parse_factor, unwrapped
from verilora.lora.formats.peft.sidecar import Sidecar
from verilora.lora.quantised.reading import is_scale, source_of


class Base:
    """The base's own tensors, without the modules trained whole, by their state names."""

    def __init__(self, model: nn.Module, inventory: Inventory, *, attached: bool) -> None:
        self.model = model
        self.inventory = inventory
        self.tensors = dict(base_tensors(model) if attached else _unattached(model, inventory))

    def digest(self, name: str) -> str:
        """Of the tensor, or of what it was before it was quantised here."""
        source = source_of(self.model, name)
        return tensor_digest(self.tensors[name]) if source is None else source.digest

    def copies_among(self, names: Iterable[str]) -> dict[str, str]:
        """Tensor name -> state name of the base's tensors that PEFT puts beside its updates."""
        own = {*self.inventory.saved, *self.inventory.echoes}
        output = _output_embeddings(self.model)
        found = {}
        for name in names:
            state, inner = unwrapped(name.removeprefix(PREFIX)), name.rpartition(".")[0]
            if name in own or state not in self.tensors or parse_factor(name):
                continue
            module = self.model.get_submodule(state.rpartition(".")[0])
            words = isinstance(module, nn.Embedding) or module is output
            if words or inner.endswith(f".{WRAPPED}"):
                found[name] = state
        return found

    def copy_faults(self, copies: Mapping[str, str], tensors: Mapping[str, Tensor]) -> list[str]:
        """Copies whose values are not the base's."""
        return [
            fault
            for name, state in copies.items()
            for fault in _copy_fault(name, tensors[name], own=self.tensors[state].cpu())
        ]


def _output_embeddings(model: nn.Module) -> nn.Module | None:
    with suppress(NotImplementedError):  # a transformers model without words
        return getattr(model, "get_output_embeddings", lambda: None)()
    return None


def _unattached(model: nn.Module, inventory: Inventory) -> Iterator[tuple[str, Tensor]]:
    whole = [model.get_submodule(path) for path in inventory.whole]
    inner = {id(module) for outer in whole for module in outer.modules()}
    # Modules of several paths are left out under each of them, as base_tensors does.
    trained = {path for path, m in model.named_modules(remove_duplicate=False) if id(m) in inner}
    for name, tensor in model.state_dict(keep_vars=True).items():
        inside = name.rpartition(".")[0] in trained
        if isinstance(tensor, Tensor) and not (inside or is_scale(model, name)):
            yield name, tensor.detach()


def _copy_fault(name: str, copy: Tensor, *, own: Tensor) -> Iterator[str]:
    if own.shape != copy.shape:
        yield (
            f"'{name}' is the base's own with shape {tuple(copy.shape)}, the model's has "
            f"{tuple(own.shape)}: the vocabulary was resized; resize the model's too"
        )
    # Saved beside a base of a wider or narrower dtype, it may have been rounded either way.
    elif not torch.equal(copy.to(own.dtype), own) and not torch.equal(copy, own.to(copy.dtype)):
        yield f"'{name}' is a copy of the base's, and the model's has other values"


def refuse_other_base(sidecar: Sidecar, base: Base) -> None:
    """Raises BaseMismatch, with the names that differ, if the base is not the recorded one."""
    recorded, present = sidecar.base, base.tensors
    differing = [n for n in recorded if n in present and base.digest(n) != recorded[n]]
    missing = sorted(set(recorded) - set(present))
    added = sorted(set(present) - set(recorded))
    if not (differing or missing or added):
        return
    told = []
    if differing:
        other = _other_dtypes(sidecar, present.values())
        told.append(f"{len(differing)} of {len(recorded)} tensors differ{other}: {few(differing)}")
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


def _other_dtypes(sidecar: Sidecar, tensors: Iterable[Tensor]) -> str:
    dtypes = sorted({str(tensor.dtype).removeprefix("torch.") for tensor in tensors})
    if tuple(dtypes) == sidecar.dtypes:
        return ""
    return f" (made on {', '.join(sidecar.dtypes)}, the model is {', '.join(dtypes)})"
