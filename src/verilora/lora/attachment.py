"""Attachment: what `attach` did to a model, so that it can be saved, merged and undone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from verilora.errors import StateError
from verilora.lora.quantised.reading import is_scale
from verilora.lora.switch import Switch
from verilora.lora.update import UpdateSet
from verilora.records.adapter import LoraConfig

_PLACE = "_lora_attachment"


@dataclass(frozen=True)
class AdaptedLayer:
    """One adapted module: where, what it is, why, and who shares its weight."""

    path: str
    kind: str
    """Class of the module before it was adapted."""
    rules: dict[str, str]
    """Name of each update -> the entry of the config that matched."""
    partners: tuple[str, ...] = ()
    """Paths of the modules that carry the same update on a shared (tied) weight."""

    @property
    def rule(self) -> str:
        """The entry of the config that matched, of the first update."""
        return next(iter(self.rules.values()))


@dataclass
class Attachment:
    """Kept on the model from attach to detach; moves with it through deepcopy and pickle."""

    config: LoraConfig
    layers: dict[str, AdaptedLayer]
    whole: tuple[str, ...]
    """Paths of the modules trained whole."""
    originals: dict[str, Tensor] = field(default_factory=dict)
    """State name -> bits before training: modules trained whole, biases, running statistics, and
    weights that a start replaced."""
    biases: tuple[str, ...] = ()
    """Names of the biases that are trained."""
    replaced: dict[str, str] = field(default_factory=dict)
    """Names of the weights that a start replaced -> digest of what it put there."""
    untied: dict[str, nn.Parameter] = field(default_factory=dict)
    """Parameter name -> the shared parameter that it had before its tie was cut."""
    tie_flag: bool | None = None
    """`model.config.tie_word_embeddings` before a tie was cut."""
    required_grad: dict[str, bool] = field(default_factory=dict)
    guard: RemovableHandle | None = None
    """Of the hook that keeps state dicts from being loaded while merged."""
    switch: Switch = field(default_factory=Switch)
    """Turns all updates off at once (`base_only`)."""


def attachment_of(model: nn.Module) -> Attachment:
    """The model's attachment, to work with.

    Raises StateError if nothing is attached to this very module, or inside `base_only`, where the
    model is not what it was trained to be.
    """
    attachment = kept_attachment(model)
    if attachment.switch.is_off or attachment.switch.aside:
        raise StateError("the adapter is off inside base_only(model); leave that block first")
    return attachment


def kept_attachment(model: nn.Module) -> Attachment:
    """The attachment, also inside `base_only`. Raises StateError if there is none."""
    attachment = vars(model).get(_PLACE)
    if attachment is None:
        part = attached_part(model)
        hint = "call attach(model, config)" if part is None else f"its part '{part}' has: give that"
        raise StateError(f"{type(model).__name__} has no adapter attached; {hint}")
    return attachment


def attached_part(model: nn.Module) -> str | None:
    """Path of the outermost module that has an attachment ("" for the model), or None."""
    return next((path for path, module in model.named_modules() if _PLACE in vars(module)), None)


def keep_attachment(model: nn.Module, attachment: Attachment | None) -> None:
    """Puts the attachment on the model; None takes it off."""
    if attachment is None:
        vars(model).pop(_PLACE, None)
    else:
        vars(model)[_PLACE] = attachment


def updates_of(model: nn.Module, path: str) -> UpdateSet:
    """The updates of the adapted module at `path`.

    Raises StateError if somebody put another module there after attach.
    """
    updates = model.get_submodule(path)._modules.get("lora")
    if not isinstance(updates, UpdateSet):
        raise StateError(f"{path} was replaced since attach and has lost its adapter", path=path)
    return updates


def each_update_set(model: nn.Module) -> Iterator[tuple[str, UpdateSet]]:
    """(path, updates) of every adapted layer, in the model's order; a shared set once."""
    for path in attachment_of(model).layers:
        yield path, updates_of(model, path)


def is_merged(model: nn.Module) -> bool:
    """True if the adapters lie in the base weights."""
    return any(updates.merged for _, updates in each_update_set(model))


def base_tensors(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """(name, tensor) of the base as it was before attach, in the order of its state dict.

    Without the modules trained whole, whose base values belong to no checkpoint (a new head);
    a weight of theirs that another module shares is there under the other's name.
    Merged or not: merged weights are given by the bits kept from before.
    """
    attachment = attachment_of(model)
    whole = [model.get_submodule(path) for path in attachment.whole]
    trained = {id(inner) for module in whole for inner in module.modules()}
    state = _state(model, attachment)
    # What a start replaced is kept from before it; a merge keeps what it replaced it with.
    before = kept_bits(model)
    before |= {id(state[n]): bits for n, bits in attachment.originals.items() if n in state}
    for name, tensor in state.items():
        holder = _holder(model, name)
        if isinstance(tensor, Tensor) and not (
            id(holder) in trained or is_adapter_name(model, name) or is_scale(model, name)
        ):
            yield name, before.get(id(tensor), tensor).detach()


def _state(model: nn.Module, attachment: Attachment) -> dict[str, Tensor]:
    """The state dict, with quantised weights as they are when not merged."""
    state = model.state_dict(keep_vars=True)
    for path in attachment.layers:
        packed = updates_of(model, path).packed
        if packed is not None:
            state.update({f"{path}.{name}": tensor for name, tensor in packed.tensors.items()})
    return state


def _holder(model: nn.Module, name: str) -> nn.Module | None:
    """The module that a state name belongs to; None if its path leads nowhere (a hook's name)."""
    try:
        return model.get_submodule(name.rpartition(".")[0])
    except AttributeError:
        return None


def kept_bits(model: nn.Module) -> dict[int, Tensor]:
    """id of each merged parameter (also of tied partners) -> its bits from before the merge."""
    kept = {}
    for path, updates in each_update_set(model):
        for module_path in (path, *attachment_of(model).layers[path].partners):
            module = model.get_submodule(module_path)
            for parameter, tensor in updates.kept.items():
                kept[id(module._parameters[parameter])] = tensor
    return kept


def is_adapter_name(model: nn.Module, name: str) -> bool:
    """True if the state name belongs to an update, judged by the module that holds it."""
    parts = name.split(".")
    return any(
        part == "lora" and isinstance(model.get_submodule(".".join(parts[: i + 1])), UpdateSet)
        for i, part in enumerate(parts)
    )


def copy_of(tensor: Tensor) -> Tensor:
    """The same bits in memory of their own."""
    with torch.no_grad():
        return tensor.detach().clone()
