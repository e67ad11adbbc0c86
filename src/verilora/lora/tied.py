"""Tied weights, found by the memory they lie in: in any model, whatever its config says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from torch import Tensor, nn

from verilora.errors import TiedWeightError, told_together
from verilora.lora.blueprint import Blueprint, refuse_dropout, refuse_module
from verilora.lora.reads import forward_names
from verilora.lora.targets import Resolved
from verilora.records.adapter import LoraConfig


class _Fault(NamedTuple):
    """A tie that cannot be as it is."""

    path: str
    partners: list[str]
    told: str


def shared_parameters(model: nn.Module) -> Mapping[str, tuple[str, ...]]:
    """Parameter name -> the other names whose bytes overlap with it, for those that have any.

    Bytes, not storages: a checkpoint mapped into memory is one storage for all its tensors.
    """
    parameters = dict(model.named_parameters(remove_duplicate=False))
    return {
        name: tuple(other for other in group if other != name)
        for group in _overlapping(parameters)
        if len(group) > 1
        for name in group
    }


def _overlapping(parameters: Mapping[str, Tensor]) -> Iterator[list[str]]:
    spans = sorted((*_span(parameter), name) for name, parameter in parameters.items())
    group: list[str] = []
    place, reach = "", -1
    for where, start, end, name in spans:
        if group and (where != place or start >= reach):
            yield group
            group, reach = [], -1
        group.append(name)
        place, reach = where, max(reach, end)
    if group:
        yield group


def _span(parameter: Tensor) -> tuple[str, int, int]:
    """(memory, first byte, byte after the last)."""
    pairs = zip(parameter.shape, parameter.stride(), strict=True)
    last = sum((size - 1) * stride for size, stride in pairs)
    length = (last + 1) * parameter.element_size()
    # Only plain tensors with values have an address; others are known by their storage.
    plain = type(parameter) in (Tensor, nn.Parameter) and not parameter.is_meta
    address = parameter.data_ptr() if plain and parameter.numel() else 0
    if address:
        return str(parameter.device), address, address + length
    try:
        storage = parameter.untyped_storage()._cdata if parameter.numel() else 0
    except (NotImplementedError, RuntimeError):
        storage = 0
    if not storage:
        return "object", id(parameter), id(parameter) + 1
    start = int(parameter.storage_offset()) * parameter.element_size()
    return f"storage {storage}", start, start + length


def settle_ties(
    model: nn.Module, prints: list[Blueprint], *, resolved: Resolved, config: LoraConfig
) -> tuple[list[Blueprint], list[str]]:
    """Follows the config's choice for every targeted weight that another module shares.

    Returns the blueprints (with partners, for "shared") and the parameter names to cut loose (for
    "untie"). Raises TiedWeightError under "refuse", or where a tie cannot be shared.
    """
    shared = shared_parameters(model)
    faults: list[_Fault] = []
    settled, loose = prints, []
    if config.tied == "refuse":
        owners = {**{p.path: p.parameters() for p in prints}, **_whole(resolved, shared)}
        for path, names in owners.items():
            others = _others(model, names, shared=shared)
            faults += [_Fault(path, others, _told(path, others))] if others else []
    elif config.tied == "untie":
        names = [n for p in prints for n in p.parameters()]
        names += [n for whole in _whole(resolved, shared).values() for n in whole]
        loose = _cut(model, names, shared=shared)
        faults += _bound_to_flag(model, loose, shared=shared)
    else:
        settled = list(
            _shared(
                model,
                prints,
                shared=shared,
                faults=faults,
                resolved=resolved,
                dropout=config.dropout,
            )
        )
        faults += _uneven(prints, settled, config=config)
    if faults:
        told = tuple(fault.told for fault in faults)
        first = {"path": faults[0].path, "partners": tuple(faults[0].partners)}
        raise TiedWeightError(told_together("tied weights", told), **first, faults=told)
    return settled, loose


def _bound_to_flag(
    model: nn.Module, loose: list[str], *, shared: Mapping[str, tuple[str, ...]]
) -> list[_Fault]:
    """Ties that cannot be cut: Switch Transformers' forward scales by whether the config ties."""
    flag = "tie_word_embeddings"
    if not getattr(getattr(model, "config", None), flag, False) or not forward_names(model, flag):
        return []
    told = (
        f"its forward computes otherwise once config.{flag} is False, so that untying would change "
        "the outputs; use tied='shared'"
    )
    return [_Fault(name, list(shared[name]), f"{name}: {told}") for name in loose]


def _whole(resolved: Resolved, shared: Mapping[str, tuple[str, ...]]) -> dict[str, list[str]]:
    return {w: [name for name in shared if name.startswith(f"{w}.")] for w in resolved.whole}


def _others(
    model: nn.Module, names: list[str], *, shared: Mapping[str, tuple[str, ...]]
) -> list[str]:
    """Names of the same memory in other modules, one name for each module and parameter.

    One module under two paths is no tie, nor are two parameters of a module trained whole.
    """
    own = {id(_holder(model, name)) for name in names}
    found: dict[tuple[int, str], str] = {}
    for other in dict.fromkeys(other for name in names for other in shared.get(name, ())):
        holder = id(_holder(model, other))
        if holder not in own:
            found.setdefault((holder, other.rpartition(".")[2]), other)
    return list(found.values())


def _holder(model: nn.Module, name: str) -> nn.Module:
    return model.get_submodule(name.rpartition(".")[0])


def _cut(model: nn.Module, names: list[str], *, shared: Mapping[str, tuple[str, ...]]) -> list[str]:
    """The names to cut loose: those that still share with something when their turn comes."""
    loose: list[str] = []
    for name in names:
        cut = {id(_holder(model, other)) for other in loose}
        if any(
            id(_holder(model, other)) not in cut for other in _others(model, [name], shared=shared)
        ):
            loose.append(name)
    return loose


def _shared(
    model: nn.Module,
    prints: list[Blueprint],
    *,
    shared: Mapping[str, tuple[str, ...]],
    faults: list[_Fault],
    resolved: Resolved,
    dropout: float,
) -> Iterator[Blueprint]:
    """The blueprints with their partners; one that is a partner already is left out."""
    taken: set[int] = set()
    for blueprint in prints:
        if id(model.get_submodule(blueprint.path)) in taken:
            continue
        others = _others(model, blueprint.parameters(), shared=shared)
        if others:
            told = _unshareable(model, blueprint, others=others, resolved=resolved, dropout=dropout)
            faults += [_Fault(blueprint.path, others, why) for why in told]
            paths = [name.rpartition(".")[0] for name in others]
            taken.update(id(model.get_submodule(path)) for path in paths)
            blueprint.partners = {p: resolved.ways[p] for p in paths if p in resolved.ways}
        yield blueprint


def _unshareable(
    model: nn.Module,
    blueprint: Blueprint,
    *,
    others: list[str],
    resolved: Resolved,
    dropout: float,
) -> Iterator[str]:
    """Why the update of a tied weight cannot serve all its modules."""
    layout = next(iter(blueprint.layouts.values()))
    if len(blueprint.layouts) != 1 or layout.rows:
        yield f"{blueprint.path} is not adapted whole, so nothing can be shared; use tied='untie'"
        return
    parameter = model.get_parameter(f"{blueprint.path}.{layout.parameter}")
    for name in others:
        path, _, attribute = name.rpartition(".")
        kind = type(model.get_submodule(path)).__name__
        known = attribute == layout.parameter and path in resolved.ways
        if not known or not _same_memory(parameter, model.get_parameter(name)):
            yield f"{name} ({kind}) cannot share the update of {blueprint.path}; use tied='untie'"
            continue
        faults = [refuse_module(model, path)]
        if dropout:
            faults.append(refuse_dropout(model, path, way=resolved.ways[path]))
        yield from (fault for fault in faults if fault)
    for whole in resolved.whole:
        inside = [name for name in others if name.startswith(f"{whole}.")]
        if inside:
            yield (
                f"{inside[0]} is trained whole (modules_to_save '{whole}') and cannot share the "
                f"update of {blueprint.path}; use tied='untie'"
            )


def _same_memory(one: Tensor, other: Tensor) -> bool:
    return one is other or (one.shape, one.stride(), _span(one)) == (
        other.shape,
        other.stride(),
        _span(other),
    )


def _uneven(
    prints: list[Blueprint], settled: list[Blueprint], *, config: LoraConfig
) -> Iterator[_Fault]:
    """Targets that share one update although the config gives them different ones."""
    targets = {blueprint.path for blueprint in prints}
    for blueprint in settled:
        for path in targets.intersection(blueprint.partners):
            own, other = ((config.rank_of(p), config.alpha_of(p)) for p in (blueprint.path, path))
            if own != other:
                told = (
                    f"{blueprint.path} and {path} share one update, but their (rank, alpha) are "
                    f"{own} and {other}; give both the same, or use tied='untie'"
                )
                yield _Fault(blueprint.path, [path], told)


def _told(path: str, others: list[str]) -> str:
    return (
        f"the weight of {path} is also {', '.join(others)}, so merging would change both; choose "
        'tied="shared" (one update for all of them) or tied="untie" (a copy of its own)'
    )
