"""open_start: the adapter of a directory as the start of another training.

The model has its adapter already, and a head of its own: of the directory the factors count, and
what it says of the head is left out.
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from verilora.lora.formats.faults import few, refuse
from verilora.lora.formats.peft.basecheck import Base, refuse_other_base
from verilora.lora.formats.peft.compare import Comparison, kind_faults, shapes_of
from verilora.lora.formats.peft.fill import fill_attached
from verilora.lora.formats.peft.folder import Folder, open_folder
from verilora.lora.formats.peft.inventory import Inventory, attached_inventory
from verilora.lora.formats.peft.names import (
    MAGNITUDE,
    PREFIX,
    WEIGHTS,
    is_update,
    parse_factor,
    unwrapped,
)
from verilora.lora.formats.peft.sidecar import layer_faults
from verilora.lora.formats.peft.sites import Factors, factors_of, named_updates
from verilora.lora.formats.peft.values import Values
from verilora.lora.starts.choose import RESIDUAL
from verilora.records.digests import digest_file


@dataclass(frozen=True)
class Start:
    """An adapter on disk, held against the one that is attached to a model."""

    model: nn.Module
    folder: Folder
    inventory: Inventory
    """Of the attached adapter, the head left out."""
    base: Base
    left_out: tuple[str, ...]
    """Paths of the head's modules that the directory has values for."""
    differences: tuple[str, ...]
    """Why it is no start for this adapter, one sentence each."""

    @property
    def digest(self) -> str:
        """Of adapter_model.safetensors."""
        return digest_file(self.folder.path / WEIGHTS)

    def fill(self) -> None:
        """Gives the attached adapter the values of the file, cast to its own dtype.

        Every tensor of the file but the head's is used, and none is missing. The model is changed
        only if all is well. Raises AdapterFileError, BaseMismatch; ValueError if there are
        differences.
        """
        if self.differences:
            raise ValueError(f"{self.folder.path} is no start: {'; '.join(self.differences)}")
        tensors, faults = self.folder.tensors()
        what = f"{self.folder.path} is no start, and the model is as it was"
        if faults:
            refuse(what, faults)
        used = {name: tensors[name] for name in _used(tensors, self.left_out)}
        values = Values(self.model, self.inventory, tensors=used)
        copies = self.base.copies_among(used) if self.folder.sidecar is None else {}
        faults = [*values.faults, *self.base.copy_faults(copies, used)]
        if faults:
            refuse(what, faults)
        if self.folder.sidecar is not None:
            refuse_other_base(self.folder.sidecar, self.base)
        _cast(self.model, values)
        fill_attached(self.model, values)


def open_start(
    model: nn.Module, directory: str | os.PathLike[str], *, head: Iterable[str]
) -> Start:
    """Holds the adapter of a PEFT directory against the one on the model; no tensor is read.

    `head` names the modules whose values are to be the model's own.
    Raises AdapterFileError for files at fault, StateError if nothing is attached.
    """
    folder = open_folder(Path(directory))
    faults = [*folder.edited, *kind_faults(list(folder.entries))]
    if faults:
        refuse(f"{folder.path} cannot be a start", faults)
    whole = attached_inventory(model)
    base = Base(model, whole, attached=True)
    own = tuple(path for path in whole.whole if _within(path, head))
    inventory = _without(whole, own)
    entries = {name: folder.entries[name] for name in _used(folder.entries, own)}
    copies = base.copies_among(entries) if folder.sidecar is None else {}
    comparison = Comparison(model, inventory, entries, copies)
    left = {path for n in folder.entries for path in own if _within(_state(n), [path])}
    return Start(
        model=model,
        folder=folder,
        inventory=inventory,
        base=base,
        left_out=tuple(path for path in own if path in left),
        differences=tuple(_differences(comparison, folder)),
    )


def _differences(comparison: Comparison, folder: Folder) -> list[str]:
    found = [
        *_other_targets(comparison),
        *_other_whole(comparison),
        *_other_scales(comparison.inventory, folder),
    ]
    found = found or list(comparison.shape_faults())
    if not found and folder.sidecar is not None:
        found = layer_faults(folder.sidecar, comparison.inventory.sites)
    return found


def _other_targets(comparison: Comparison) -> Iterator[str]:
    blocks = comparison.inventory.blocks
    wanted = {name: block.target for block in blocks for name in (block.a_name, block.b_name)}
    there = [name for name in comparison.entries if parse_factor(name)]
    missing = dict.fromkeys(t for name, t in wanted.items() if name not in comparison.entries)
    if missing:
        yield f"an adapter of {few(list(missing))} is asked for, and the file has none"
    extra = dict.fromkeys(_path(name) for name in there if name not in wanted)
    if extra:
        yield f"the file has an adapter of {few(list(extra))}, where none is asked for"
    norms = {name for name in comparison.entries if name.endswith(MAGNITUDE)}
    asked = {name for block in blocks for name in shapes_of(block) if name.endswith(MAGNITUDE)}
    if norms - asked:
        yield 'the file has magnitudes (weight_rule "dora"), where none are asked for'
    elif asked - norms:
        yield 'magnitudes are asked for (weight_rule "dora"), and the file has none'


def _other_whole(comparison: Comparison) -> Iterator[str]:
    saved = {**comparison.inventory.saved, **comparison.inventory.echoes}
    plain = [name for name in comparison.entries if not is_update(name)]
    missing = dict.fromkeys(_owner(name) for name in saved if name not in comparison.entries)
    if missing:
        yield f"{few(list(missing))} is to be trained whole, and the file has no values of it"
    known = {*saved, *comparison.copies}
    extra = dict.fromkeys(_owner(name) for name in plain if name not in known)
    if extra:
        yield f"the file has values of {few(list(extra))}, which is not to be trained whole"


def _other_scales(inventory: Inventory, folder: Folder) -> Iterator[str]:
    started = any(part.started for site in inventory.sites for part in site.parts)
    there = folder.sidecar is not None and folder.sidecar.config.init in RESIDUAL
    if started != there and folder.sidecar is not None:
        yield (
            f'the file\'s updates began with init "{folder.sidecar.config.init}", and '
            f'"{inventory.config.init}" is asked for: one is stored with the pair that it began '
            "with, and the other is not"
        )
        return
    stated, root = folder.stated, inventory.config.scale_rule == "rslora"
    pairs = [(b, stated.rank_of(b.target), stated.alpha_of(b.target)) for b in inventory.blocks]
    yield from _grouped("rank", ((b.target, rank, b.rank) for b, rank, _ in pairs))
    yield from _grouped("alpha", ((b.target, alpha, b.alpha) for b, _, alpha in pairs))
    if stated.root != root:
        rules = {True: "alpha / sqrt(rank)", False: "alpha / rank"}
        yield f"the scale is {rules[stated.root]} in the file, and {rules[root]} is asked for"


def _grouped(what: str, facts: Iterable[tuple[str, float, float]]) -> Iterator[str]:
    """One sentence for all targets with the same two numbers."""
    groups: dict[tuple[float, float], list[str]] = {}
    for target, found, own in facts:
        if not math.isclose(found, own, rel_tol=1e-9):
            groups.setdefault((found, own), []).append(target)
    for (found, own), targets in groups.items():
        yield f"{what} {found:g} is in the file, and {own:g} is asked for ({few(targets)})"


def _without(inventory: Inventory, paths: tuple[str, ...]) -> Inventory:
    """The inventory but for the modules at `paths`, which are trained whole."""

    def kept(names: Mapping[str, str]) -> dict[str, str]:
        return {name: state for name, state in names.items() if not _within(state, paths)}

    whole = tuple(path for path in inventory.whole if path not in paths)
    return dataclasses.replace(
        inventory, whole=whole, saved=kept(inventory.saved), echoes=kept(inventory.echoes)
    )


def _used(names: Iterable[str], left_out: Iterable[str]) -> list[str]:
    paths = tuple(left_out)
    return [name for name in names if is_update(name) or not _within(_state(name), paths)]


def _cast(model: nn.Module, values: Values) -> None:
    """What trains has the dtype that was asked for, not the file's."""
    for site in values.inventory.sites:
        updates, norms = named_updates(model, site), values.magnitudes.get(site.path, {})
        norms.update({name: value.to(updates[name].A.dtype) for name, value in norms.items()})
        own, given = factors_of(model, site), values.factors[site.path]
        given.update({name: _as(pair, own[name]) for name, pair in given.items()})


def _as(pair: Factors, own: Factors) -> Factors:
    a, b = (value.to(like.dtype) for value, like in zip(pair, own, strict=True))
    return a, b


def _within(name: str, paths: Iterable[str]) -> bool:
    return any(name == path or name.startswith(f"{path}.") for path in paths)


def _state(name: str) -> str:
    return unwrapped(name.removeprefix(PREFIX))


def _owner(name: str) -> str:
    return _state(name).rpartition(".")[0]


def _path(name: str) -> str:
    parsed = parse_factor(name)
    assert parsed is not None
    return parsed.path
