"""Puts checked values into a model; whatever goes wrong, the model is as it was before."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from verilora.errors import BaseMismatch
from verilora.lora.attach import attach_blank, detach
from verilora.lora.attachment import copy_of, updates_of
from verilora.lora.digests import replaced_digests
from verilora.lora.formats.faults import few
from verilora.lora.formats.peft.sites import Factors, Site, factors_of, named_updates
from verilora.lora.formats.peft.values import Values
from verilora.lora.update import LowRankUpdate


def attach_filled(
    model: nn.Module, values: Values, *, replaced: Mapping[str, str] | None = None
) -> None:
    """Attaches the config that the values are for and fills it in; detaches again on any error.

    `replaced`: digests of the weights that the start puts in the place of the base's.
    """
    attach_blank(model, values.inventory.config)
    try:
        _refuse_other_start(model, replaced)
        _fill(model, values)
    except BaseException:
        detach(model)
        raise


def fill_attached(
    model: nn.Module, values: Values, *, replaced: Mapping[str, str] | None = None
) -> None:
    """Replaces the values of the adapter that is attached; puts the old ones back on any error."""
    _refuse_other_start(model, replaced)
    state = model.state_dict(keep_vars=True)
    whole = {name: copy_of(state[name]) for name in values.whole}
    factors = {site.path: _copies(model, site) for site in values.inventory.sites}
    norms = {path: _norms(model, path) for path in values.magnitudes}
    try:
        _fill(model, values)
    except BaseException:
        _fill_factors(model, values, factors=factors)
        _fill_magnitudes(model, norms)
        _fill_whole(model, whole)
        raise


def _refuse_other_start(model: nn.Module, replaced: Mapping[str, str] | None) -> None:
    """Raises BaseMismatch if the start put other weights in the place of the base's."""
    if not replaced:
        return
    found = replaced_digests(model)
    differing = tuple(name for name, digest in replaced.items() if found.get(name) != digest)
    if differing:
        raise BaseMismatch(
            f"the start of the adapter (LoftQ) gives other weights on this machine: "
            f"{len(differing)} of {len(found)} differ, {few(differing)}. Its decompositions are "
            "rounded in another way here (loftq_rounds above 1); check_base=False goes on all the "
            "same",
            differing=differing,
        )


def _fill(model: nn.Module, values: Values) -> None:
    _fill_factors(model, values, factors=values.factors)
    _fill_magnitudes(model, values.magnitudes)
    _fill_whole(model, values.whole)


def _copies(model: nn.Module, site: Site) -> dict[str, Factors]:
    return {name: (copy_of(a), copy_of(b)) for name, (a, b) in factors_of(model, site).items()}


@torch.no_grad()
def _fill_factors(
    model: nn.Module, values: Values, *, factors: Mapping[str, Mapping[str, Factors]]
) -> None:
    for site in values.inventory.sites:
        updates = named_updates(model, site)
        for name, (a, b) in factors[site.path].items():
            update = updates[name]
            if update.started:
                a, a0 = a.split(update.rank, -2)
                b, b0 = b.split(update.rank, -1)
                _put(update.A0, a0)
                _put(update.B0, -b0)
            _put(update.A, a)
            _put(update.B, b)


@torch.no_grad()
def _fill_magnitudes(model: nn.Module, norms: Mapping[str, Mapping[str, Tensor]]) -> None:
    for path, own in norms.items():
        updates = updates_of(model, path)
        for name, value in own.items():
            update = updates[name]
            assert isinstance(update, LowRankUpdate)
            _put(update.magnitude, value)


def _norms(model: nn.Module, path: str) -> dict[str, Tensor]:
    updates = updates_of(model, path)
    return {
        name: copy_of(update.magnitude)
        for name, update in updates.items()
        if isinstance(update, LowRankUpdate)
    }


@torch.no_grad()
def _fill_whole(model: nn.Module, whole: Mapping[str, Tensor]) -> None:
    state = model.state_dict(keep_vars=True)
    for name, value in whole.items():
        state[name].copy_(value)


def _put(parameter: Tensor, value: Tensor) -> None:
    if parameter.dtype == value.dtype:
        parameter.copy_(value)
    else:
        # New memory: a factor keeps the dtype that it has in the file.
        parameter.data = value.to(parameter.device).clone(memory_format=torch.contiguous_format)
