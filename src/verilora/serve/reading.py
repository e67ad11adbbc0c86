"""An adapter directory read for a bank: checked as `load_adapter` checks it, only faster.

What a config means on the model is found out once for all adapters that are alike, and the base's
tensors are hashed once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from verilora.lora.digests import tensor_digest
from verilora.lora.formats.faults import refuse
from verilora.lora.formats.peft.basecheck import Base, refuse_other_base
from verilora.lora.formats.peft.compare import Comparison
from verilora.lora.formats.peft.folder import Folder, open_folder
from verilora.lora.formats.peft.inventory import Inventory
from verilora.lora.formats.peft.read import planned, refuse_misfits
from verilora.lora.formats.peft.sidecar import Sidecar
from verilora.lora.formats.peft.values import Values
from verilora.serve.bearable import Bearable

MOST_KNOWN = 256
"""Different shapes of adapters that are remembered."""


@dataclass(frozen=True)
class _Fit:
    """What a directory's statements mean on the model: found to fit, without its values."""

    inventory: Inventory
    copies: Mapping[str, str]
    """Tensors of the file that are copies of the base's."""
    base_names: frozenset[str]


class Reader:
    """Reads adapters of one model, which must not change meanwhile."""

    def __init__(self, twin: nn.Module, *, rank: int) -> None:
        self._twin = twin
        self._bearable = Bearable(twin, rank=rank)
        self._known: dict[str, _Fit] = {}
        self._digests: dict[str, str] = {}

    def read(self, directory: Path, *, check_base: bool) -> Values:
        """The checked values of the adapter in `directory`.

        Raises AdapterFileError with every fault, BaseMismatch.
        """
        folder = open_folder(directory)
        fit = self._fit(folder)
        what = f"{directory} is not loaded"
        tensors, faults = folder.tensors()
        if faults:
            refuse(what, faults)
        values = Values(self._twin, fit.inventory, tensors=tensors)
        faults = list(values.faults)
        if check_base and fit.copies:
            base = Base(self._twin, fit.inventory, attached=False)
            faults += base.copy_faults(fit.copies, tensors)
        if faults:
            refuse(what, faults)
        if check_base and folder.sidecar is not None:
            self._check_base(folder.sidecar, fit)
        return values

    def _fit(self, folder: Folder) -> _Fit:
        key = _likeness(folder)
        if key not in self._known or folder.edited:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[key] = self._fitted(folder)
        return self._known[key]

    def _fitted(self, folder: Folder) -> _Fit:
        inventory = planned(self._twin, folder)
        base = Base(self._twin, inventory, attached=False)
        copies = base.copies_among(folder.entries) if folder.sidecar is None else {}
        refuse_misfits(Comparison(self._twin, inventory, folder.entries, copies), folder)
        faults = self._bearable.faults(inventory, folder.sidecar)
        if faults:
            refuse(f"an AdapterBank cannot hold {folder.path}", faults)
        return _Fit(inventory, copies, frozenset(base.tensors))

    def _check_base(self, sidecar: Sidecar, fit: _Fit) -> None:
        if not self._digests.keys() >= fit.base_names:
            base = Base(self._twin, fit.inventory, attached=False)
            for name in fit.base_names - self._digests.keys():
                self._digests[name] = tensor_digest(base.tensors[name])
        own = {name: self._digests[name] for name in fit.base_names}
        if own != sidecar.base:
            refuse_other_base(sidecar, Base(self._twin, fit.inventory, attached=False))


def _likeness(folder: Folder) -> str:
    """The same for directories that differ in their values alone."""
    sidecar = folder.sidecar
    recorded = None
    if sidecar is not None:
        # The seed is spent: the values that it gave are not used.
        config = {**sidecar.config.to_mapping(), "seed": 0}
        recorded = (config, sidecar.layers, bool(sidecar.replaced))
    return repr((folder.stated, folder.entries, recorded))
