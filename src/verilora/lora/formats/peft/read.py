"""load_adapter: everything is checked before the model is changed, and then it fits."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from verilora.errors import ConfigError, LayerError, StateError
from verilora.lora.attachment import attached_part, is_merged
from verilora.lora.formats.faults import refuse
from verilora.lora.formats.peft.basecheck import (
    base_copies,
    base_of,
    copy_faults,
    refuse_other_base,
)
from verilora.lora.formats.peft.compare import (
    kind_faults,
    name_faults,
    placed,
    shape_faults,
    stated_faults,
    whole_values,
)
from verilora.lora.formats.peft.deduce import deduce
from verilora.lora.formats.peft.fill import attach_filled, fill_attached
from verilora.lora.formats.peft.folder import Folder, open_folder
from verilora.lora.formats.peft.inventory import (
    Inventory,
    attached_inventory,
    planned_inventory,
)
from verilora.lora.formats.peft.sidecar import layer_faults


def load_adapter(
    model: nn.Module, directory: str | os.PathLike[str], *, check_base: bool = True
) -> nn.Module:
    """Puts the adapter of a PEFT directory on the model, in place; returns the model.

    Attaches if nothing is attached; else the attached adapter must be of the same shape and gets
    the values. With `verilora.json` beside, the very config comes back, and the base and both
    files are checked against their digests; `check_base=False` leaves out the base. Without it
    the tensors say what is adapted. Factors keep the dtype that they have in the file; modules
    trained whole are cast to the model's. The model is changed only if all is well, the global
    random state never. No network, no pickles; links are followed.
    Raises AdapterFileError with every fault, BaseMismatch, StateError if the model is merged.
    """
    path = Path(directory)
    attached = attached_part(model) is not None
    if attached and is_merged(model):
        raise StateError("the model is merged; call unmerge(model) before loading an adapter")
    folder = open_folder(path)
    inventory = _inventory(model, folder, attached=attached)
    base = base_of(model, inventory, attached=attached)
    copies = base_copies(inventory, folder.entries, base)
    _refuse_misfits(model, inventory, folder, copies=copies, attached=attached)
    tensors, faults = _tensors(folder)
    if check_base and tensors:
        faults += copy_faults(copies, tensors, base)
    factors = placed(inventory, tensors, faults) if tensors else {}
    whole = whole_values(model, inventory, tensors, faults) if tensors else {}
    if faults:
        refuse(f"{path} is not loaded, and the model is as it was", faults, directory=path)
    if check_base and folder.sidecar is not None:
        refuse_other_base(folder.sidecar, base)
    (fill_attached if attached else attach_filled)(model, inventory, factors, whole)
    return model


def _inventory(model: nn.Module, folder: Folder, *, attached: bool) -> Inventory:
    if attached:
        return attached_inventory(model)
    try:
        if folder.sidecar is not None:
            return planned_inventory(model, folder.sidecar.config)
        deduced = deduce(model, folder.entries, folder.stated)
        faults = [*kind_faults(list(folder.entries)), *deduced.faults]
        if faults:
            refuse(f"{folder.path} does not fit the model", faults, directory=folder.path)
        config = deduced.config(model, folder.stated, folder.entries)
        return planned_inventory(model, config, frozenset(deduced.reversed_nesting))
    except (ConfigError, LayerError) as error:
        faults = error.facts.get("faults") or (str(error),)
        what = f"{folder.path} does not fit the model"
        refuse(what, faults, cause=error, directory=folder.path)


def _refuse_misfits(
    model: nn.Module,
    inventory: Inventory,
    folder: Folder,
    *,
    copies: Mapping[str, str],
    attached: bool,
) -> None:
    """Raises AdapterFileError for names, shapes, ranks and scales that are not the model's."""
    complete = folder.sidecar is None
    shapes = [
        *name_faults(model, inventory, folder.entries, copies),
        *shape_faults(model, inventory, folder.entries),
        *stated_faults(model, inventory, folder.stated, complete=complete),
        *(layer_faults(folder.sidecar, inventory.sites) if folder.sidecar else ()),
    ]
    faults = [*folder.edited, *kind_faults(list(folder.entries)), *shapes]
    if not faults:
        return
    if attached and faults == shapes:
        what = (
            f"the model's adapter is of another shape than {folder.path}; call detach(model) "
            "first to load that one"
        )
        refuse(what, faults, directory=folder.path)
    faults += folder.weights_edited()
    refuse(f"{folder.path} is not loaded, and the model is as it was", faults)


def _tensors(folder: Folder) -> tuple[dict[str, Tensor], list[Any]]:
    faults: list[str] = []
    return folder.tensors(faults), faults
