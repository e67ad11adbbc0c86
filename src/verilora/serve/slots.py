"""What the bank puts into one module of the model: places for updates, or whole modules."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from verilora.kernels.grouped import Grouping, Stacks, add_looked_up, add_updates, rescale_rows


class Stacked(NamedTuple):
    """One adapter's update of one module, ready to be put into a slot."""

    a: Tensor
    """[rank, in]"""
    b: Tensor
    """[rank, out]: Bᵀ with scale and DoRA's factors in it."""
    gain: Tensor | None
    """DoRA's factors less one, [out]."""


class Slots(nn.Module):
    """Places for `capacity` updates of one module, made once: zeros until something is put there.

    Its tensors are in no state dict, and move with the model.
    """

    a: Tensor
    b: Tensor
    gains: Tensor | None

    def __init__(self, like: Tensor, *, first: Stacked, capacity: int, rank: int) -> None:
        super().__init__()
        rank = max(rank, first.a.shape[0])
        a = like.new_zeros(capacity, rank, first.a.shape[1])
        b = like.new_zeros(capacity, rank, first.b.shape[1])
        for name, tensor in {"a": a, "b": b, "gains": None}.items():
            self.register_buffer(name, tensor, persistent=False)
        self.ranks = [0] * capacity
        self.rescaled: frozenset[int] = frozenset()

    @torch.no_grad()
    def put(self, slot: int, update: Stacked) -> None:
        """Copies the update in. Wider than any before (more parts of a fused layer), all grow."""
        rank = update.a.shape[0]
        if rank > self.a.shape[1]:
            more = (0, 0, 0, rank - self.a.shape[1])
            self.a, self.b = nn.functional.pad(self.a, more), nn.functional.pad(self.b, more)
        for stack, own in ((self.a, update.a), (self.b, update.b)):
            stack[slot, :rank].copy_(own)
            stack[slot, rank:].zero_()
        if update.gain is not None:
            if self.gains is None:
                self.gains = self.b.new_zeros(len(self.ranks), self.b.shape[2])
            self.gains[slot].copy_(update.gain)
            self.rescaled |= {slot}
        self.ranks[slot] = rank

    @torch.no_grad()
    def clear(self, slot: int) -> None:
        """Takes out what is there."""
        # Zeros: where rows are gathered, a slot without an update is read like any other.
        self.a[slot].zero_()
        self.b[slot].zero_()
        if self.gains is not None:
            self.gains[slot].zero_()
        self.ranks[slot] = 0
        self.rescaled -= {slot}

    def add(self, y: Tensor, x: Tensor, *, grouping: Grouping, bias: Tensor | None) -> Tensor:
        """The base's answer y to x with each row's update, in place."""
        y = self._rescaled(y, grouping, bias=bias)
        return add_updates(y, x, stacks=Stacks(self.a, self.b, self.ranks), grouping=grouping)

    def add_rows(self, y: Tensor, ids: Tensor, *, grouping: Grouping) -> Tensor:
        """As `add`, of an embedding."""
        y = self._rescaled(y, grouping, bias=None)
        return add_looked_up(y, ids, stacks=Stacks(self.a, self.b, self.ranks), grouping=grouping)

    def _rescaled(self, y: Tensor, grouping: Grouping, *, bias: Tensor | None) -> Tensor:
        if self.gains is None or not any(run.slot in self.rescaled for run in grouping.runs):
            return y
        return rescale_rows(y, gains=self.gains, bias=bias, grouping=grouping)


class Heads(nn.Module):
    """Modules trained whole, by slot: for each adapter that has one, the module with its values."""

    def of(self, slot: int) -> nn.Module | None:
        """The module of one adapter, or None for the base's."""
        return self._modules.get(str(slot))

    def put(self, slot: int, module: nn.Module) -> None:
        """Keeps it for this slot."""
        self._modules[str(slot)] = module

    def clear(self, slot: int) -> None:
        """Takes it out, if there is one."""
        self._modules.pop(str(slot), None)
