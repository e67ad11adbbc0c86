"""Tied weights, found by the memory they lie in: in any model, whatever its config says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from torch import Tensor, nn

from verilora.errors import TiedWeightError, told_together
from verilora.lora.blueprint import Blueprint
from verilora.lora.layers import WeightAdapted, way_for


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
    address = parameter.data_ptr() if parameter.device.type != "meta" else 0
    if not address:
        # Meta tensors have no address, so only the object itself counts.
        return "object", id(parameter), id(parameter) + 1
    pairs = zip(parameter.shape, parameter.stride(), strict=True)
    last = sum((size - 1) * stride for size, stride in pairs)
    return str(parameter.device), address, address + (last + 1) * parameter.element_size()


def settle_ties(
    model: nn.Module, prints: list[Blueprint], *, whole: tuple[str, ...], tied: str
) -> tuple[list[Blueprint], list[str]]:
    """Follows the config's choice for every targeted weight that another module shares.

    Returns the blueprints (with partners, for "shared") and the parameter names to cut loose (for
    "untie"). Raises TiedWeightError under "refuse", or where a tie cannot be shared.
    """
    shared = shared_parameters(model)
    settled: list[Blueprint] = []
    loose: list[str] = []
    faults: list[str] = []
    taken: set[str] = set()
    for blueprint in prints:
        others = _others(model, blueprint.parameters(), shared)
        if others and tied == "shared" and blueprint.path not in taken:
            blueprint.partners = tuple(name.rpartition(".")[0] for name in others)
            taken.update(blueprint.partners)
            faults += _unshareable(model, blueprint)
        elif others and tied == "untie":
            loose += _cut(blueprint.parameters(), shared, loose)
        elif others and tied == "refuse":
            faults.append(_told(blueprint.path, others))
        if blueprint.path not in taken:
            settled.append(blueprint)
    for path in whole:
        names = [name for name in shared if name.startswith(f"{path}.")]
        others = [n for n in _others(model, names, shared) if not n.startswith(f"{path}.")]
        if others and tied == "refuse":
            faults.append(_told(path, others))
        elif others and tied == "untie":
            loose += _cut(names, shared, loose)
    if faults:
        raise TiedWeightError(told_together("tied weights", faults), faults=tuple(faults))
    return settled, loose


def _others(model: nn.Module, names: list[str], shared: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Names of the same memory in other modules; one module under two paths is no tie."""
    own = {id(model.get_submodule(name.rpartition(".")[0])) for name in names}
    found = dict.fromkeys(other for name in names for other in shared.get(name, ()))
    return [n for n in found if id(model.get_submodule(n.rpartition(".")[0])) not in own]


def _cut(names: list[str], shared: Mapping[str, tuple[str, ...]], loose: list[str]) -> list[str]:
    """The names to cut: those whose partners are not all cut loose already."""
    return [name for name in names if set(shared.get(name, ())) - set(loose)]


def _unshareable(model: nn.Module, blueprint: Blueprint) -> list[str]:
    """Why the update of a tied weight cannot serve all its modules."""
    faults = []
    if blueprint.way is WeightAdapted or len(blueprint.layouts) != 1:
        faults.append(f"{blueprint.path} is not adapted whole; use tied='untie'")
    for path in blueprint.partners:
        parent = model.get_submodule(path.rpartition(".")[0])
        way = way_for(model.get_submodule(path), parent)
        if way is None or way is WeightAdapted:
            kind = type(model.get_submodule(path)).__name__
            faults.append(f"{path} ({kind}) cannot share the update of {blueprint.path}; untie it")
    return faults


def _told(path: str, others: list[str]) -> str:
    return (
        f"the weight of {path} is also {', '.join(others)}, so merging would change both; choose "
        'tied="shared" (one update for all of them) or tied="untie" (a copy of its own)'
    )
