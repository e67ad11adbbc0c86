"""load_adapter: everything is checked before the model is changed, and then it fits."""

from __future__ import annotations

import os
from pathlib import Path

from torch import nn

from verilora.errors import ConfigError, LayerError, StateError
from verilora.lora.attachment import attached_part, is_merged
from verilora.lora.formats.faults import few, refuse
from verilora.lora.formats.peft.basecheck import Base, refuse_other_base
from verilora.lora.formats.peft.compare import Comparison, kind_faults
from verilora.lora.formats.peft.deduce import Deduction
from verilora.lora.formats.peft.fill import attach_filled, fill_attached
from verilora.lora.formats.peft.folder import Folder, open_folder
from verilora.lora.formats.peft.inventory import (
    Inventory,
    attached_inventory,
    planned_inventory,
)
from verilora.lora.formats.peft.sidecar import layer_faults
from verilora.lora.formats.peft.values import Values


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
    Raises AdapterFileError with every fault, BaseMismatch, StateError if the model is merged or
    has no values (meta device).
    """
    attached = attached_part(model) is not None
    _refuse_state(model, attached=attached)
    folder = open_folder(Path(directory))
    inventory = attached_inventory(model) if attached else planned(model, folder)
    base = Base(model, inventory, attached=attached)
    # Only PEFT puts copies of the base beside an adapter.
    copies = base.copies_among(folder.entries) if folder.sidecar is None else {}
    refuse_misfits(Comparison(model, inventory, folder.entries, copies), folder, attached=attached)
    what = f"{folder.path} is not loaded, and the model is as it was"
    tensors, faults = folder.tensors()
    if faults:
        refuse(what, faults)
    values = Values(model, inventory, tensors=tensors)
    faults = [*values.faults, *(base.copy_faults(copies, tensors) if check_base else ())]
    if faults:
        refuse(what, faults)
    if check_base and folder.sidecar is not None:
        refuse_other_base(folder.sidecar, base)
    wanted = folder.sidecar.replaced if check_base and folder.sidecar is not None else {}
    (fill_attached if attached else attach_filled)(model, values, replaced=wanted)
    return model


def _refuse_state(model: nn.Module, *, attached: bool) -> None:
    if attached and is_merged(model):
        raise StateError("the model is merged; call unmerge(model) before loading an adapter")
    empty = [name for name, parameter in model.named_parameters() if parameter.is_meta]
    if empty:
        raise StateError(
            f"the model has no values yet: {few(empty)} are on the meta device; load its weights "
            "before the adapter"
        )


def planned(model: nn.Module, folder: Folder) -> Inventory:
    """What attaching would give: the recorded config, or the one that the tensors mean.

    Raises AdapterFileError if the adapter is for another model.
    """
    what = f"{folder.path} does not fit the model"
    try:
        if folder.sidecar is not None:
            return planned_inventory(model, folder.sidecar.config)
        deduction = Deduction(model, folder.entries, stated=folder.stated)
        faults = [*kind_faults(list(folder.entries)), *deduction.faults]
        if faults:
            refuse(what, faults)
        nesting = frozenset(deduction.reversed_nesting)
        return planned_inventory(model, deduction.config(), reversed_nesting=nesting)
    except (ConfigError, LayerError) as error:
        refuse(what, error.facts.get("faults") or (str(error),), cause=error)


def refuse_misfits(comparison: Comparison, folder: Folder, *, attached: bool = False) -> None:
    """Raises AdapterFileError for names, shapes, ranks and scales that are not the model's."""
    sidecar, stated = folder.sidecar, folder.stated
    shapes = [
        *comparison.name_faults(),
        *comparison.shape_faults(),
        *comparison.scale_faults(stated),
        *(layer_faults(sidecar, comparison.inventory.sites) if sidecar else ()),
        *(comparison.target_faults(stated) if sidecar is None else ()),
    ]
    faults = [*folder.edited, *kind_faults(list(folder.entries)), *shapes]
    if not faults:
        return
    if attached and faults == shapes:
        refuse(
            f"the model's adapter is of another shape than that in {folder.path}; call "
            "detach(model) first to load it",
            faults,
        )
    faults += folder.weights_edited()
    refuse(f"{folder.path} is not loaded, and the model is as it was", faults)
