"""attach and detach: the model stays the user's own, and comes back as it was, to the bit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from verilora.errors import LayerError, StateError
from verilora.lora.attachment import (
    AdaptedLayer,
    Attachment,
    attached_part,
    attachment_of,
    copy_of,
    each_update_set,
    is_merged,
    keep_attachment,
)
from verilora.lora.biases import biases_to_train
from verilora.lora.blueprint import Blueprint, draw_blueprints
from verilora.lora.fingerprint import has_values, tensor_digest
from verilora.lora.layers import Adapted, adapt, has_own_class, restore
from verilora.lora.merge import unmerge
from verilora.lora.starts import beginner, blank
from verilora.lora.starts.explore import explore
from verilora.lora.targets import resolve
from verilora.lora.tied import settle_ties, shared_parameters
from verilora.lora.update import LowRankUpdate, UpdateSet, refuse_loading
from verilora.records.adapter import LoraConfig

# Of torch.compile and torch.distributed; told by name, because importing them takes time.
WRAPPERS = (
    "OptimizedModule",
    "DataParallel",
    "DistributedDataParallel",
    "FullyShardedDataParallel",
)


def attach(
    model: nn.Module, config: LoraConfig, *, batches: Iterable[Any] | None = None
) -> nn.Module:
    """Adds trainable low-rank updates to the targets of `config`, in place; returns the model.

    The model's class, methods and base state_dict keys stay; its outputs are equal to the bit
    (compared without gradients: some of torch's kernels depend on which inputs require them), but
    for init "orthogonal" (to rounding) and "loftq" (whose base is quantised). Only the updates,
    `config.modules_to_save` and the biases of `config.bias` require gradients afterwards. Nothing
    is changed if an error is raised. Costs a copy of the modules trained whole and of running
    statistics. `batches` of training data (dicts of keyword arguments, tuples or tensors) are run
    for init "eva", and only for it.
    Raises TargetError for what matches nothing, LayerError for what cannot be adapted (a rank
    above the layer's size, a quantised weight), TiedWeightError, StateError if attached already
    or if the model is wrapped (torch.compile, data parallel): attach comes before wrapping.
    Source: Hu et al. 2021, arXiv:2106.09685, section 4.
    """
    return _attach(model, config, batches=batches)


def attach_blank(model: nn.Module, config: LoraConfig) -> nn.Module:
    """As `attach`, with updates that wait for their values: zeros, without the start's work.

    The base is as `attach` leaves it; ranks are as the config has them.
    """
    return _attach(model, config, filled=False)


def _attach(
    model: nn.Module,
    config: LoraConfig,
    *,
    batches: Iterable[Any] | None = None,
    filled: bool = True,
) -> nn.Module:
    _refuse_state(model)
    resolved = resolve(model, config)
    prints = draw_blueprints(model, config, resolved=resolved)
    prints, loose = settle_ties(model, prints, resolved=resolved, config=config)
    components = None
    if filled and config.init == "eva":
        config, components = explore(model, prints, config=config, batches=batches)
    begin = beginner(config, components) if filled else blank(config)
    # All that takes memory comes first, then what cannot fail for lack of it.
    made = [p.new_updates(model.get_submodule(p.path), config, begin=begin) for p in prints]
    copies = {name: nn.Parameter(copy_of(model.get_parameter(name))) for name in loose}
    biases = biases_to_train(model, prints, config=config, whole=resolved.whole)
    attachment = _remember(model, Attachment(config, {}, resolved.whole, biases=biases))
    try:
        _untie(model, copies, attachment=attachment)
        for blueprint, own in zip(prints, made, strict=True):
            own.updates.switch = attachment.switch
            attachment.layers[blueprint.path] = _adapt(model, blueprint, updates=own.updates)
        _freeze(model, attachment)
        attachment.guard = model.register_load_state_dict_pre_hook(_refuse_while_merged)
        replaced = {
            f"{p.path}.{n}": w for p, m in zip(prints, made, strict=True) for n, w in m[1].items()
        }
        _replace(model, replaced, attachment=attachment)
    except BaseException:
        _undo(model, attachment)
        raise
    keep_attachment(model, attachment)
    return model


def detach(model: nn.Module) -> nn.Module:
    """Takes the adapter off and gives back the very model that came in, to the bit.

    Weights trained whole, running statistics, ties and requires_grad flags are as before attach;
    gradients of weights trained whole are dropped.
    Raises StateError, with nothing changed, if nothing is attached, if a module that was trained
    whole is not there any more, or if an adapted one got yet another class since.
    """
    attachment = attachment_of(model)
    _refuse_detach(model, attachment)
    if is_merged(model):
        unmerge(model)
    for path in attachment.whole:
        model.get_submodule(path).zero_grad(set_to_none=True)
    for name in attachment.biases:
        model.get_parameter(name).grad = None
    _undo(model, attachment)
    _give_back(model, attachment.originals)
    keep_attachment(model, None)
    return model


def adapter_parameters(model: nn.Module) -> Iterator[nn.Parameter]:
    """The trainable parameters: every update's, then the modules trained whole, then biases.

    Each once, in the model's order; those whose requires_grad somebody took away are left out.
    Raises StateError if nothing is attached.
    """
    attachment = attachment_of(model)
    seen: set[int] = set()
    sources: list[nn.Module] = [updates for _, updates in each_update_set(model)]
    sources += [model.get_submodule(path) for path in attachment.whole]
    found = [parameter for source in sources for parameter in source.parameters()]
    for parameter in (*found, *(model.get_parameter(name) for name in attachment.biases)):
        if parameter.requires_grad and id(parameter) not in seen:
            seen.add(id(parameter))
            yield parameter


def _refuse_state(model: nn.Module) -> None:
    part = attached_part(model)
    if part == "":
        raise StateError("the model has an adapter already; call detach(model) first")
    if part is not None:
        raise StateError(f"its part '{part}' has an adapter already; detach that one first")
    if any(isinstance(module, Adapted | UpdateSet) for module in model.modules()):
        raise StateError("the model is part of one that has an adapter already; detach that one")
    if type(model).__name__ in WRAPPERS:
        inner = "_orig_mod" if hasattr(model, "_orig_mod") else "module"
        raise StateError(
            f"the model is wrapped in {type(model).__name__}, so that every path would begin with "
            f"'{inner}.'; attach to the model itself ({inner}), before wrapping it"
        )


def _refuse_detach(model: nn.Module, attachment: Attachment) -> None:
    state = model.state_dict(keep_vars=True)
    lost = [name for name in attachment.originals if name not in state]
    if lost:
        raise StateError(
            f"{lost[0]} was trained whole and is not in the model any more, so that what it was "
            "before cannot be given back; put the module back first",
            names=tuple(lost),
        )
    for path, module in model.named_modules():
        if isinstance(module, Adapted) and not has_own_class(module):
            raise StateError(
                f"{path} became a {type(module).__name__} since attach (parametrized, sharded); "
                "undo that first",
                path=path,
            )


def _remember(model: nn.Module, attachment: Attachment) -> Attachment:
    """Keeps the bits that training may change without a gradient, or trains whole."""
    attachment.required_grad = {n: p.requires_grad for n, p in model.named_parameters()}
    originals = attachment.originals
    for path in attachment.whole:
        for name, tensor in model.get_submodule(path).state_dict(prefix=f"{path}.").items():
            if isinstance(tensor, torch.Tensor):
                originals[name] = copy_of(tensor)
    for name in attachment.biases:
        originals[name] = copy_of(model.get_parameter(name))
    if attachment.whole and attachment.config.tied == "shared":
        shared = shared_parameters(model)
        # What trains these modules changes those that they share a weight with.
        for other in [other for name in list(originals) for other in shared.get(name, ())]:
            originals.setdefault(other, copy_of(model.get_parameter(other)))
    for path, module in model.named_modules():
        if isinstance(module, _NormBase) and module.track_running_stats:
            for name, buffer in module.named_buffers(prefix=path):
                originals.setdefault(name, copy_of(buffer))
    return attachment


def _untie(model: nn.Module, copies: dict[str, nn.Parameter], *, attachment: Attachment) -> None:
    """Gives each parameter a copy of its own; the model's config says so too."""
    settings = getattr(model, "config", None)
    vocabulary = _vocabulary_weights(model)
    for name, copy in copies.items():
        path, _, attribute = name.rpartition(".")
        module = model.get_submodule(path)
        original = module._parameters[attribute]
        assert original is not None
        attachment.untied[name] = original
        copy.requires_grad_(original.requires_grad)
        module._parameters[attribute] = copy
        if getattr(settings, "tie_word_embeddings", False) and id(original) in vocabulary:
            attachment.tie_flag = True
            settings.tie_word_embeddings = False  # type: ignore[union-attr]


def _vocabulary_weights(model: nn.Module) -> set[int]:
    """ids of the weights of a transformers model's input and output embeddings."""
    found = set()
    for name in ("get_input_embeddings", "get_output_embeddings"):
        with suppress(NotImplementedError):  # a model without words
            module = getattr(model, name, lambda: None)()
            found |= {id(module._parameters.get("weight"))} if module is not None else set()
    return found


def _adapt(model: nn.Module, blueprint: Blueprint, *, updates: UpdateSet) -> AdaptedLayer:
    for path, way in {blueprint.path: blueprint.way, **blueprint.partners}.items():
        module = model.get_submodule(path)
        try:
            adapt(module, way, updates=updates, owner=path == blueprint.path)
        except TypeError as error:
            kind = type(module).__name__
            raise LayerError(f"{path} ({kind}) cannot be adapted: {error}", path=path) from error
    return AdaptedLayer(blueprint.path, blueprint.kind, blueprint.rules, tuple(blueprint.partners))


def _freeze(model: nn.Module, attachment: Attachment) -> None:
    for module in model.modules():
        if not isinstance(module, LowRankUpdate):
            for parameter in module.parameters(recurse=False):
                parameter.requires_grad_(False)
    for path in attachment.whole:
        for parameter in model.get_submodule(path).parameters():
            parameter.requires_grad_(True)
    for name in attachment.biases:
        model.get_parameter(name).requires_grad_(True)


@torch.no_grad()
def _replace(
    model: nn.Module, replaced: dict[str, torch.Tensor], *, attachment: Attachment
) -> None:
    """Puts the weights of a start (LoftQ) in the place of the base's, which are kept."""
    # Not by get_parameter: reading an adapted parameter may give the effective weight.
    weights = {name: _own(model, name) for name in replaced}
    attachment.originals.update({name: copy_of(weights[name]) for name in replaced})
    attachment.replaced = {n: tensor_digest(w) for n, w in replaced.items() if has_values(w)}
    for name, value in replaced.items():
        weights[name].copy_(value)


def _own(model: nn.Module, name: str) -> torch.Tensor:
    path, _, attribute = name.rpartition(".")
    parameter = model.get_submodule(path)._parameters[attribute]
    assert parameter is not None
    return parameter


def _refuse_while_merged(model: nn.Module, *_: Any) -> None:
    if is_merged(model):
        refuse_loading("")


def _undo(model: nn.Module, attachment: Attachment) -> None:
    """Classes, ties and requires_grad flags as before attach, however far that came."""
    if attachment.guard is not None:
        attachment.guard.remove()
    for module in list(model.modules()):
        restore(module)
    for name, parameter in attachment.untied.items():
        path, _, attribute = name.rpartition(".")
        model.get_submodule(path)._parameters[attribute] = parameter
    if attachment.tie_flag is not None:
        model.config.tie_word_embeddings = attachment.tie_flag  # type: ignore[union-attr]
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(attachment.required_grad.get(name, parameter.requires_grad))


def _give_back(model: nn.Module, originals: dict[str, torch.Tensor]) -> None:
    state = model.state_dict(keep_vars=True)
    with torch.no_grad():
        for name, original in originals.items():
            state[name].copy_(original)
