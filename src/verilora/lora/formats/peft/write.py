"""save_adapter: a PEFT directory whose bytes depend on the adapter alone."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from verilora.atomic import refuse_occupied, write_directory
from verilora.errors import AdapterFileError, OutputError, StateError, told_together
from verilora.lora.attachment import Attachment, attachment_of, base_tensors
from verilora.lora.explain import explain
from verilora.lora.formats.documents import DocumentError, document_bytes, plain_data
from verilora.lora.formats.faults import few
from verilora.lora.formats.peft.card import card_of
from verilora.lora.formats.peft.config import config_of
from verilora.lora.formats.peft.inventory import Inventory, attached_inventory
from verilora.lora.formats.peft.magnitudes import magnitude_name, magnitudes_of, pack
from verilora.lora.formats.peft.names import CARD, CONFIG, OWN_FILES, SIDECAR, WEIGHTS
from verilora.lora.formats.peft.sidecar import LARGEST as LARGEST_SIDECAR
from verilora.lora.formats.peft.sidecar import sidecar_of
from verilora.lora.formats.peft.sites import factors_of
from verilora.lora.formats.peft.stated import LARGEST as LARGEST_CONFIG
from verilora.lora.formats.tensorfile import tensor_bytes
from verilora.lora.quantised.reading import is_packed, weight_of


def save_adapter(  # limit: results are given by place in INTERFACES
    model: nn.Module,
    directory: str | os.PathLike[str],
    results: Mapping[str, Any] | None = None,
    *,
    overwrite: bool = False,
) -> None:
    """Writes the model's adapter as a PEFT directory with `verilora.json`, whole or not at all.

    Files: adapter_model.safetensors, adapter_config.json, README.md, verilora.json. The bytes
    depend on the adapter, the base and `results` (plain JSON data, such as metrics) alone. Merged
    or not makes no difference. An adapter whose updates are all zero is saved and said to be
    untrained. Costs a digest of the whole base. `overwrite` replaces an adapter, nothing else.
    Raises StateError if nothing is attached, or if running statistics have changed that no module
    in modules_to_save holds; AdapterFileError for NaN or infinite values and for `results` that
    are no JSON; OutputError if `directory` is occupied or cannot be written.
    """
    attachment = attachment_of(model)
    path = Path(directory)
    _refuse_foreign(path, overwrite=overwrite)
    _refuse_changed_statistics(model, attachment)
    inventory = attached_inventory(model)
    tensors = _tensors(model, inventory)
    _refuse_unusable(tensors)
    content = {
        WEIGHTS: tensor_bytes(tensors),
        CONFIG: document_bytes(config_of(model, inventory)),
    }
    sidecar = sidecar_of(
        model,
        inventory,
        files=content,
        trained=_is_trained(model, inventory),
        results=_plain(results),
    )
    saved = sum(tensors[name].numel() for name in inventory.saved)
    content[SIDECAR] = document_bytes(sidecar)
    _refuse_unreadable(content)
    content[CARD] = card_of(model, inventory, sidecar=sidecar, saved=saved)
    write_directory(path, content, overwrite=overwrite)


@torch.no_grad()
def _tensors(model: nn.Module, inventory: Inventory) -> dict[str, Tensor]:
    """Tensor name -> value, of all that the file holds."""
    own = {site.path: factors_of(model, site) for site in inventory.sites}
    base = dict(base_tensors(model))
    found: dict[str, Tensor] = {}
    faults = []
    for block in inventory.blocks:
        pairs = [own[block.site.path][part.name] for part in block.parts]
        for part, (a, b) in zip(block.parts, pairs, strict=True):
            rank = part.stored_rank
            wanted = part.layout.a_shape(rank), part.layout.b_shape(rank)
            if (tuple(a.shape), tuple(b.shape)) != wanted:
                faults.append(
                    f"'{block.target}' has factors {tuple(a.shape)} and {tuple(b.shape)}; "
                    f"{wanted[0]} and {wanted[1]} are wanted (gather what is sharded first)"
                )
        if not faults:
            found[block.a_name], found[block.b_name] = block.form.pack(pairs)
            if block.rescales:
                norms = magnitudes_of(model, block.site)
                module = block.site.module
                packed = is_packed(module)
                weight = weight_of(module) if packed else base[f"{block.site.path}.weight"]
                found[magnitude_name(block)] = pack(block, norms, weight=weight)
    if faults:
        raise StateError(told_together("the adapter cannot be saved", faults))
    state = model.state_dict(keep_vars=True)
    for name, state_name in {**inventory.saved, **inventory.echoes}.items():
        found[name] = state[state_name]
    return found


def _refuse_unusable(tensors: Mapping[str, Tensor]) -> None:
    empty = [name for name, tensor in tensors.items() if tensor.device.type == "meta"]
    if empty:
        raise StateError(
            f"the adapter is on the meta device and has no values to save: {few(empty)}"
        )
    faults = tuple(
        f"'{name}' has {int((~tensor.isfinite()).sum())} values that are NaN or infinite"
        for name, tensor in tensors.items()
        if tensor.is_floating_point() and not bool(tensor.isfinite().all())
    )
    if faults:
        told = told_together("the adapter is not saved, for it would be of no use", faults[:20])
        raise AdapterFileError(f"{told}\ntrain it again with a lower learning rate", faults=faults)


def _refuse_unreadable(content: Mapping[str, bytes]) -> None:
    """Nothing is written that would be refused as too large when it is read."""
    for name, limit in ((CONFIG, LARGEST_CONFIG), (SIDECAR, LARGEST_SIDECAR)):
        if len(content[name]) > limit:
            raise AdapterFileError(
                f"{name} would have {len(content[name]):,} bytes, and at most {limit:,} are read; "
                "adapt fewer modules, or name them so that PEFT understands the names alike",
                faults=(f"{name} is too large",),
            )


def _refuse_changed_statistics(model: nn.Module, attachment: Attachment) -> None:
    """Running means that training moved belong to no base and no adapter: they would be lost."""
    state = model.state_dict(keep_vars=True)
    buffers = {name for name, _ in model.named_buffers(remove_duplicate=False)}
    changed = sorted(
        name.rpartition(".")[0]
        for name, original in attachment.originals.items()
        if name in buffers
        and not any(name.startswith(f"{path}.") for path in attachment.whole)
        and not torch.equal(state[name].cpu(), original.to("cpu", state[name].dtype))
    )
    modules = list(dict.fromkeys(changed))
    if modules:
        raise StateError(
            f"the running statistics of {len(modules)} modules have changed since attach, and an "
            f"adapter does not hold them: {few(modules)}; put these modules into modules_to_save, "
            "or keep them in eval mode while training",
            modules=tuple(modules),
        )


def _refuse_foreign(path: Path, *, overwrite: bool) -> None:
    """What is overwritten is an adapter and nothing else."""
    refuse_occupied(path, overwrite=overwrite)
    if not path.is_dir():
        return
    present = sorted(entry.name for entry in path.iterdir())
    foreign = [name for name in present if name not in OWN_FILES]
    if foreign:
        raise OutputError(
            f"{path} holds {few(foreign)}, which is no part of an adapter and would be lost; "
            "choose another directory",
            path=path,
        )
    if present and not {WEIGHTS, CONFIG} & set(present):
        raise OutputError(f"{path} holds no adapter; choose another directory", path=path)


def _is_trained(model: nn.Module, inventory: Inventory) -> bool:
    """True if any update has two factors that are not zero, or is not what it started as."""
    parts = [part for site in inventory.sites for part in site.parts]
    if any(part.started or part.rescales for part in parts):
        return any(layer.trained for layer in explain(model))
    return any(
        bool(a.any()) and bool(b.any())
        for site in inventory.sites
        for a, b in factors_of(model, site).values()
    )


def _plain(results: Mapping[str, Any] | None) -> dict[str, Any]:
    """The results as they will be read."""
    try:
        return plain_data(dict(results or {}))
    except DocumentError as error:
        raise AdapterFileError(
            f"results {error}; numbers, strings, lists and objects with string keys are wanted",
            faults=(str(error),),
        ) from error
