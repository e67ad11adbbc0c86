"""attach and detach: the model stays the user's own, and comes back as it was, to the bit."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from verilora.errors import StateError
from verilora.lora.attachment import (
    AdaptedLayer,
    Attachment,
    attachment_of,
    copy_of,
    each_update_set,
    is_merged,
    keep_attachment,
)
from verilora.lora.blueprint import Blueprint, draw_blueprints
from verilora.lora.layers import Adapted, adapt, restore, way_for
from verilora.lora.merge import unmerge
from verilora.lora.targets import resolve
from verilora.lora.tied import settle_ties
from verilora.lora.update import LowRankUpdate
from verilora.records.adapter import LoraConfig


def attach(model: nn.Module, config: LoraConfig) -> nn.Module:
    """Adds trainable low-rank updates to the targets of `config`, in place; returns the model.

    The model's class, methods and base state_dict keys stay; its outputs are equal to the bit.
    Only the updates and `config.modules_to_save` require gradients afterwards. Nothing is changed
    if an error is raised.
    Raises TargetError for what matches nothing, LayerError for what cannot be adapted (a rank
    above the layer's size, a quantised weight), TiedWeightError, StateError if attached already.
    Source: Hu et al. 2021, arXiv:2106.09685, section 4.
    """
    if any(isinstance(module, Adapted) for module in model.modules()):
        raise StateError("the model has an adapter already; call detach(model) first")
    resolved = resolve(model, config)
    prints = draw_blueprints(model, config, resolved)
    prints, loose = settle_ties(model, prints, whole=resolved.whole, tied=config.tied)
    attachment = Attachment(config, {}, resolved.whole)
    _remember(model, attachment)
    for name in loose:
        _untie(model, name, attachment)
    for blueprint in prints:
        _adapt(model, blueprint, config)
        attachment.layers[blueprint.path] = AdaptedLayer(
            blueprint.path, blueprint.kind, blueprint.rule, blueprint.partners
        )
    _freeze(model, resolved.whole)
    keep_attachment(model, attachment)
    return model


def detach(model: nn.Module) -> nn.Module:
    """Takes the adapter off and gives back the very model that came in, to the bit.

    Weights trained whole, running statistics, ties and requires_grad flags are as before attach.
    Raises StateError if nothing is attached.
    """
    attachment = attachment_of(model)
    if is_merged(model):
        unmerge(model)
    for layer in attachment.layers.values():
        for path in (layer.path, *layer.partners):
            restore(model.get_submodule(path))
    for name, parameter in attachment.untied.items():
        path, _, attribute = name.rpartition(".")
        model.get_submodule(path)._parameters[attribute] = parameter
    if attachment.tie_flag is not None:
        model.config.tie_word_embeddings = attachment.tie_flag  # type: ignore[union-attr]
    _give_back(model, attachment.originals)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(attachment.required_grad.get(name, parameter.requires_grad))
        parameter.grad = None
    keep_attachment(model, None)
    return model


def adapter_parameters(model: nn.Module) -> Iterator[nn.Parameter]:
    """The trainable parameters: every update's A and B, then the modules trained whole.

    Each once, in the model's order. Raises StateError if nothing is attached.
    """
    attachment = attachment_of(model)
    seen: set[int] = set()
    sources = [updates.parameters() for _, updates in each_update_set(model)]
    sources += [model.get_submodule(path).parameters() for path in attachment.whole]
    for source in sources:
        for parameter in source:
            if id(parameter) not in seen:
                seen.add(id(parameter))
                yield parameter


def _remember(model: nn.Module, attachment: Attachment) -> None:
    """Keeps the bits that training may change without a gradient, or trains whole."""
    attachment.required_grad = {n: p.requires_grad for n, p in model.named_parameters()}
    originals = attachment.originals
    for path in attachment.whole:
        for name, tensor in model.get_submodule(path).state_dict(prefix=f"{path}.").items():
            originals[name] = copy_of(tensor)
    for path, module in model.named_modules():
        if isinstance(module, _NormBase) and module.track_running_stats:
            for name, buffer in module.named_buffers(prefix=path):
                originals.setdefault(name, copy_of(buffer))


def _untie(model: nn.Module, name: str, attachment: Attachment) -> None:
    """Gives the parameter a copy of its own; the model's config says so too."""
    path, _, attribute = name.rpartition(".")
    module = model.get_submodule(path)
    original = module._parameters[attribute]
    assert original is not None
    attachment.untied[name] = original
    module._parameters[attribute] = nn.Parameter(
        copy_of(original), requires_grad=original.requires_grad
    )
    settings = getattr(model, "config", None)
    if getattr(settings, "tie_word_embeddings", False):
        attachment.tie_flag = True
        settings.tie_word_embeddings = False  # type: ignore[union-attr]


def _adapt(model: nn.Module, blueprint: Blueprint, config: LoraConfig) -> None:
    module = model.get_submodule(blueprint.path)
    updates = blueprint.new_updates(module, config)
    adapt(module, blueprint.way, updates)
    for path in blueprint.partners:
        partner = model.get_submodule(path)
        way = way_for(partner, model.get_submodule(path.rpartition(".")[0]))
        assert way is not None
        adapt(partner, way, updates)


def _freeze(model: nn.Module, whole: tuple[str, ...]) -> None:
    for module in model.modules():
        if not isinstance(module, LowRankUpdate):
            for parameter in module.parameters(recurse=False):
                parameter.requires_grad_(False)
    for path in whole:
        for parameter in model.get_submodule(path).parameters():
            if parameter.is_floating_point():
                parameter.requires_grad_(True)


def _give_back(model: nn.Module, originals: dict[str, torch.Tensor]) -> None:
    state = model.state_dict(keep_vars=True)
    with torch.no_grad():
        for name, original in originals.items():
            state[name].copy_(original)
