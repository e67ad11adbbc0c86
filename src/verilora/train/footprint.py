"""Counts the bytes of tensors while they live: of real ones, and of ones without contents."""

from __future__ import annotations

import weakref
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Footprint(TorchDispatchMode):
    """While entered, follows every storage that an operation makes until it is freed.

    A storage counts once however many tensors share it. Memory that a kernel takes and gives back
    within one operation is not seen, nor what the allocator keeps.
    """

    def __init__(self) -> None:
        super().__init__()
        self.live_bytes = 0
        self.peak_bytes = 0
        """Highest `live_bytes` since it was made, or since `reset_peak`."""
        self._known: dict[int, weakref.ref[Any]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(made):
            if isinstance(leaf, Tensor):
                self.follow(leaf)
        return made

    def follow(self, tensor: Tensor) -> None:
        """Counts the tensor's storage from now on, if it is not counted yet."""
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._known:
            return
        size = storage.nbytes()

        def forget(_: Any) -> None:
            self.live_bytes -= size
            self._known.pop(key, None)

        self._known[key] = weakref.ref(storage, forget)
        self.live_bytes += size
        self.peak_bytes = max(self.peak_bytes, self.live_bytes)

    def reset_peak(self) -> None:
        """Starts a new phase: the peak is what lives now."""
        self.peak_bytes = self.live_bytes
