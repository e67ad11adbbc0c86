"""A random state of a run's own, in torch's global generators only while the run computes.

What others draw between two steps (a listener, a report) changes nothing in the run, and the run
leaves their states as it found them.
"""

from __future__ import annotations

import torch
from torch import Tensor


class RandomStream:
    """Use as `with stream: ...`: inside, torch draws from this stream and advances it.

    Covers the CPU generator and, for a CUDA run, that device's. Not reentrant.
    """

    def __init__(self, seed: int, device: torch.device) -> None:
        self._device = device
        self._outer: dict[str, Tensor] = {}
        outer = self._current()
        torch.default_generator.manual_seed(seed)
        if device.type == "cuda":
            torch.cuda.manual_seed(seed)
        self._own = self._current()
        self._become(outer)

    def __enter__(self) -> RandomStream:
        self._outer = self._current()
        self._become(self._own)
        return self

    def __exit__(self, *exception: object) -> None:
        self._own = self._current()
        self._become(self._outer)

    def state(self) -> dict[str, Tensor]:
        """Generator name -> its state as bytes (uint8); valid outside the `with` block."""
        return {name: value.clone() for name, value in self._own.items()}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Goes on where `state` was taken. Raises KeyError for another kind of device."""
        self._own = {name: state[name].clone() for name in self._own}

    def _current(self) -> dict[str, Tensor]:
        states = {"cpu": torch.default_generator.get_state()}
        if self._device.type == "cuda":
            states["cuda"] = torch.cuda.get_rng_state(self._device)
        return states

    def _become(self, states: dict[str, Tensor]) -> None:
        torch.default_generator.set_state(states["cpu"])
        if "cuda" in states:
            torch.cuda.set_rng_state(states["cuda"], self._device)
