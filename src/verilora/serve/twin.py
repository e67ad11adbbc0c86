"""A second body for the same weights: what a model is without the bank, or with other values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn


def twin_of(module: nn.Module) -> nn.Module:
    """The same modules once more, with the same tensors: follows them, and is never run.

    Classes are as they are now, so that a change of the model's own later leaves it alone.
    """
    return _twin(module, {})


def with_values(module: nn.Module, values: Mapping[str, Tensor]) -> nn.Module:
    """A twin to be run, whose parameters and buffers of these state names have these values.

    They are buffers in no state dict: they move with the model and are not trained.
    """
    copy = _twin(module, {})
    for path, inner in copy.named_modules():
        own = vars(inner)
        named = {**own["_parameters"], **own["_buffers"]}
        own["_parameters"] = {n: p for n, p in own["_parameters"].items() if p is None}
        own["_buffers"] = {
            name: _placed(values.get(f"{path}.{name}" if path else name), tensor)
            for name, tensor in named.items()
            if name not in own["_parameters"]
        }
        own["_non_persistent_buffers_set"] = set(own["_buffers"])
    return copy


def _placed(value: Tensor | None, own: Tensor | None) -> Tensor | None:
    """A copy of the value where the module's own tensor is; that one if there is none."""
    return own if value is None or own is None else value.to(own.device).clone()


def _twin(module: nn.Module, made: dict[int, nn.Module]) -> nn.Module:
    if id(module) in made:
        return made[id(module)]
    copy: Any = object.__new__(type(module))
    made[id(module)] = copy
    vars(copy).update(vars(module))
    vars(copy)["_modules"] = {
        name: None if inner is None else _twin(inner, made)
        for name, inner in module._modules.items()
    }
    return copy
