"""base_only: the model as it was before attach, for a while, with the adapter where it is.

The reference model of preference training (DPO) is then the model itself, and costs no memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from threading import Lock
from typing import Any

import torch
from torch import Tensor, nn

from verilora.errors import StateError
from verilora.lora.attachment import Attachment, kept_attachment
from verilora.lora.probe import evaluating

_ENTRY = Lock()


@contextmanager
def base_only(model: nn.Module) -> Iterator[nn.Module]:
    """Inside, the model answers as before attach, to the bit; yields the model.

    Updates, DoRA's norms and starts are left out. Modules trained whole, biases, running
    statistics and weights that a start replaced have their values from before attach: a head that
    was new then has the values that it was made with, not the trained ones. May be nested, and
    ends well on an exception. Updates are off for the thread (or task) that entered alone; the
    values of the other kind are exchanged for all threads until the last has left. Costs nothing
    for each update, and a lookup for each exchanged tensor.
    Whatever saves, merges, detaches or lists the adapter raises StateError inside. A forward with
    gradient checkpointing must have its backward inside too, since it computes again.
    Raises StateError if nothing is attached, if merged, or if an exchanged tensor is sharded.
    """
    attachment = kept_attachment(model)
    _refuse_merged(model, attachment)
    with attachment.switch.off():
        _enter(model, attachment)
        try:
            yield model
        finally:
            _leave(attachment)


class BaseOnly(nn.Module):
    """The model under `base_only`, always in eval mode, as a module that shares its weights.

    For trainers that want a reference model of its own, such as TRL's `DPOTrainer(ref_model=)`.
    What it has not itself (config, get_output_embeddings ...) is the model's. Its own train() and
    eval() leave the shared model's mode alone.
    """

    model: nn.Module

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        kept_attachment(model)
        self.model = model
        self.training = False

    # Not in forward: trainers replace that on the object (autocast, fused heads).
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The base's answer."""
        mode = evaluating(self.model) if self.model.training else nullcontext()
        with base_only(self.model), mode:
            return super().__call__(*args, **kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """As the model's."""
        return self.model(*args, **kwargs)

    def train(self, mode: bool = True) -> BaseOnly:
        """Changes nothing: a reference is never trained."""
        return self

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name == "model":
                raise
            return getattr(self.model, name)


def _refuse_merged(model: nn.Module, attachment: Attachment) -> None:
    path = next(iter(attachment.layers), None)
    updates = None if path is None else model.get_submodule(path)._modules.get("lora")
    if getattr(updates, "merged", False):
        raise StateError(
            "the model is merged, so that its base is not at hand; call unmerge(model) first"
        )


def _enter(model: nn.Module, attachment: Attachment) -> None:
    switch = attachment.switch
    with _ENTRY:
        if not switch.users:
            # All are made before the first is put in its place.
            switch.aside = _exchange([*_stand_ins(model, attachment)])
        switch.users += 1


def _leave(attachment: Attachment) -> None:
    switch = attachment.switch
    with _ENTRY:
        switch.users -= 1
        if not switch.users:
            _exchange(switch.aside)
            switch.aside = []


Entry = tuple[dict[str, Any], str, Any]


def _exchange(entries: list[Entry]) -> list[Entry]:
    """Puts each value in its place; gives back what stood there."""
    before = [(registry, name, registry[name]) for registry, name, _ in entries]
    for registry, name, value in entries:
        registry[name] = value
    return before


def _stand_ins(model: nn.Module, attachment: Attachment) -> Iterator[Entry]:
    """(registry, name, value from before attach), on the device and in the dtype of now."""
    originals = attachment.originals
    for full, original in originals.items():
        path, _, name = full.rpartition(".")
        module = model.get_submodule(path)
        registry = module._parameters if name in module._parameters else module._buffers
        now = registry.get(name)
        if now is None or now.shape != original.shape or hasattr(type(now), "__tensor_flatten__"):
            raise StateError(
                f"{full} is sharded or was replaced since attach, so that its value from before "
                "cannot stand in for it; gather the model first",
                names=(full,),
            )
        if original.device != now.device:
            originals[full] = original = original.to(now.device)
        yield registry, name, _stand_in(original.to(now.dtype), now)


def _stand_in(value: Tensor, now: Tensor) -> Tensor:
    if isinstance(now, nn.Parameter):
        return nn.Parameter(value, requires_grad=False)
    with torch.no_grad():
        return value.clone()  # what runs in train mode counts in its buffers
