"""Puts checked values into a model; whatever goes wrong, the model is as it was before."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from verilora.lora.attach import attach, detach
from verilora.lora.attachment import copy_of
from verilora.lora.formats.peft.inventory import Inventory
from verilora.lora.formats.peft.sites import Factors, factors_of


def attach_filled(
    model: nn.Module,
    inventory: Inventory,
    factors: Mapping[str, Mapping[str, Factors]],
    whole: Mapping[str, Tensor],
) -> None:
    """Attaches the inventory's config and fills it in; detaches again on any error."""
    attach(model, inventory.config)
    try:
        _fill(model, inventory, factors, whole)
    except BaseException:
        detach(model)
        raise


def fill_attached(
    model: nn.Module,
    inventory: Inventory,
    factors: Mapping[str, Mapping[str, Factors]],
    whole: Mapping[str, Tensor],
) -> None:
    """Replaces the values of the adapter that is attached; puts the old ones back on any error."""
    state = model.state_dict(keep_vars=True)
    old_whole = {name: copy_of(state[name]) for name in whole}
    old_factors = {
        site.path: {
            name: (copy_of(a), copy_of(b)) for name, (a, b) in factors_of(model, site).items()
        }
        for site in inventory.sites
    }
    try:
        _fill(model, inventory, factors, whole)
    except BaseException:
        _fill(model, inventory, old_factors, old_whole)
        raise


@torch.no_grad()
def _fill(
    model: nn.Module,
    inventory: Inventory,
    factors: Mapping[str, Mapping[str, Factors]],
    whole: Mapping[str, Tensor],
) -> None:
    for site in inventory.sites:
        own = factors_of(model, site)
        for name, values in factors[site.path].items():
            for parameter, value in zip(own[name], values, strict=True):
                _put(parameter, value)
    state = model.state_dict(keep_vars=True)
    for name, value in whole.items():
        state[name].copy_(value)


def _put(parameter: nn.Parameter, value: Tensor) -> None:
    if parameter.dtype == value.dtype:
        parameter.copy_(value)
    else:
        # New memory: a factor keeps the dtype that it has in the file.
        parameter.data = value.to(parameter.device).clone(memory_format=torch.contiguous_format)
