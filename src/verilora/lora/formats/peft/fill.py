"""Puts checked values into a model; whatever goes wrong, the model is as it was before."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from verilora.lora.attach import attach, detach
from verilora.lora.attachment import copy_of
from verilora.lora.formats.peft.sites import Factors, Site, factors_of
from verilora.lora.formats.peft.values import Values


def attach_filled(model: nn.Module, values: Values) -> None:
    """Attaches the config that the values are for and fills it in; detaches again on any error."""
    attach(model, values.inventory.config)
    try:
        _fill(model, values)
    except BaseException:
        detach(model)
        raise


def fill_attached(model: nn.Module, values: Values) -> None:
    """Replaces the values of the adapter that is attached; puts the old ones back on any error."""
    state = model.state_dict(keep_vars=True)
    whole = {name: copy_of(state[name]) for name in values.whole}
    factors = {site.path: _copies(model, site) for site in values.inventory.sites}
    try:
        _fill(model, values)
    except BaseException:
        _fill_factors(model, values, factors=factors)
        _fill_whole(model, whole)
        raise


def _fill(model: nn.Module, values: Values) -> None:
    _fill_factors(model, values, factors=values.factors)
    _fill_whole(model, values.whole)


def _copies(model: nn.Module, site: Site) -> dict[str, Factors]:
    return {name: (copy_of(a), copy_of(b)) for name, (a, b) in factors_of(model, site).items()}


@torch.no_grad()
def _fill_factors(
    model: nn.Module, values: Values, *, factors: Mapping[str, Mapping[str, Factors]]
) -> None:
    for site in values.inventory.sites:
        own = factors_of(model, site)
        for name, pair in factors[site.path].items():
            for parameter, value in zip(own[name], pair, strict=True):
                _put(parameter, value)


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
