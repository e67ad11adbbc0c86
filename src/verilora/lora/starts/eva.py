"""EVA: A from the principal components of a layer's inputs, and ranks where they explain most."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from verilora.lora.probe import call, evaluating


class Components:
    """The principal components of rows that come batch by batch; `most` of them are kept.

    Means are taken off; exact where no more than `most` components lie in the rows, else the
    incremental decomposition, whose error is what was cut off before. No randomness.
    Source: Ross et al. 2008, "Incremental learning for robust visual tracking".
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.rows = 0
        self._mean = self._spread = torch.zeros((), dtype=torch.float64)
        self._kept = torch.zeros(0, 0, dtype=torch.float64)

    def add(self, rows: Tensor) -> None:
        """Takes [count, features] rows into account."""
        rows = rows.detach().to("cpu", torch.float64)
        count = rows.shape[0]
        if not count:
            return
        mean = rows.mean(0)
        centred = rows - mean
        if self.rows:
            total = self.rows + count
            shift = (self.rows * count / total) ** 0.5 * (self._mean - mean)
            self._spread = self._spread + centred.square().sum() + shift.square().sum()
            stacked = torch.cat([self._kept, centred, shift[None]])
            self._mean = (self.rows * self._mean + count * mean) / total
        else:
            self._spread, self._mean, stacked = centred.square().sum(), mean, centred
        self.rows += count
        self._kept = _scaled_components(stacked)[: self.most]

    @property
    def vectors(self) -> Tensor:
        """Unit vectors, float64 [components, features], the most important first.

        Of each the entry of greatest magnitude is positive.
        """
        lengths = torch.linalg.vector_norm(self._kept, dim=1, keepdim=True)
        units = self._kept / lengths
        largest = units.abs().argmax(dim=1, keepdim=True)
        return torch.where(units.gather(1, largest) < 0, -units, units)

    @property
    def explained(self) -> list[float]:
        """Share of the rows' variance that each component explains."""
        return (self._kept.square().sum(1) / self._spread).tolist()


def observe(
    model: nn.Module, most: Mapping[str, int], *, batches: Iterable[Any]
) -> dict[str, Components]:
    """Path -> Components of the inputs of each linear module in `most`, over all the batches.

    The model runs in eval mode and without gradients; its mode is as before. A batch is a dict of
    keyword arguments, a tuple of arguments or one tensor; rows that its `attention_mask` says are
    padding do not count.
    """
    found = {path: Components(count) for path, count in most.items()}
    masks: list[Tensor | None] = [None]

    def taking(components: Components) -> Any:
        def take(*called: Any) -> None:
            _, args, kwargs = called
            x = args[0] if args else next(iter(kwargs.values()))
            components.add(_rows(x, masks[0]))

        return take

    with _hooked({path: taking(own) for path, own in found.items()}, model), evaluating(model):
        for batch in batches:
            masks[0] = batch.get("attention_mask") if isinstance(batch, Mapping) else None
            with torch.no_grad():
                call(model, batch)
    return found


def spread_ranks(explained: Mapping[str, list[float]], ranks: Mapping[str, int]) -> dict[str, int]:
    """The ranks of all layers together, given anew to the components that explain the most.

    Each layer keeps one; of equal components that of the earlier layer goes first. No layer gets
    more than it has components in `explained`.
    Source: Paischer et al. 2024 (EVA), arXiv:2410.07170 (there a layer may get none).
    """
    budget = sum(ranks.values()) - len(ranks)
    order = {path: index for index, path in enumerate(ranks)}
    rest = sorted(
        (-share, order[path], number, path)
        for path in ranks
        for number, share in enumerate(explained[path][1:])
    )
    given = dict.fromkeys(ranks, 1)
    for _, _, _, path in rest[:budget]:
        given[path] += 1
    return given


def _scaled_components(rows: Tensor) -> Tensor:
    """[components, features]: the right singular vectors, each as long as its singular value.

    By the smaller of the two Gram matrices: in float64 that is exact enough for all but
    components a hundred million times smaller than the first, which are left out.
    """
    count, features = rows.shape
    if features <= count:
        squares, vectors = torch.linalg.eigh(rows.T @ rows)
        found = vectors.T * squares.clamp(min=0).sqrt()[:, None]
    else:
        squares, vectors = torch.linalg.eigh(rows @ rows.T)
        found = vectors.T @ rows
    squares, found = squares.flip(0), found.flip(0)
    return found[squares > squares[0].clamp(min=0) * 1e-14] if squares.numel() else found


def _rows(x: Tensor, mask: Tensor | None) -> Tensor:
    if mask is not None and x.dim() == 3 and x.shape[:2] == mask.shape:
        return x[mask.bool().to(x.device)]
    return x.reshape(-1, x.shape[-1])


@contextmanager
def _hooked(takers: Mapping[str, Any], model: nn.Module) -> Iterator[None]:
    handles = [
        model.get_submodule(path).register_forward_pre_hook(take, with_kwargs=True)
        for path, take in takers.items()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
