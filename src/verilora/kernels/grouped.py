"""Many adapters in one batch: each row gets the low-rank update of its own, added in place.

Letters as in `reference`; stacks hold one pair in each slot, B transposed and with the scale in it.
Rows are the first dimension of x and y. Two ways with one meaning; `add_updates` takes the faster.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import torch
from torch import Tensor

NONE = -1
"""The slot of a row that has no adapter."""


class Run(NamedTuple):
    """Neighbouring rows with the same slot."""

    slot: int
    start: int
    stop: int


class Stacks(NamedTuple):
    """The pairs of all slots: what is beyond a slot's own rank is zero."""

    a: Tensor
    """[slots, rank, in]"""
    b: Tensor
    """[slots, rank, out]: s Bᵀ."""
    ranks: Sequence[int]
    """Of each slot; 0 where it has nothing to add."""


@dataclass(frozen=True)
class Grouping:
    """Which slot each row of a batch has, found out once and used by every layer."""

    size: int
    """Rows of the batch."""
    runs: tuple[Run, ...]
    """In the order of the batch; rows without an adapter are in none."""
    rows: Tensor
    """The rows that have an adapter, in order, int64."""
    slots: Tensor
    """Of each of these."""


def group(slots: Sequence[int], device: torch.device | str = "cpu") -> Grouping:
    """The grouping of a batch whose row i has slot slots[i], or NONE."""
    rows = [row for row, slot in enumerate(slots) if slot != NONE]
    return Grouping(
        len(slots),
        tuple(run for run in _runs(slots) if run.slot != NONE),
        torch.tensor(rows, dtype=torch.int64, device=device),
        torch.tensor([slots[row] for row in rows], dtype=torch.int64, device=device),
    )


def add_updates(y: Tensor, x: Tensor, *, stacks: Stacks, grouping: Grouping) -> Tensor:
    """y[i] += (x[i] Aᵀ) (s Bᵀ) with the pair of row i's slot, in place; returns y.

    x [rows, ..., in], y [rows, ..., out]. The factors are cast to y's dtype, and x too where
    autocast made y narrower. Rows without an adapter are not touched.
    """
    if not any(stacks.ranks[run.slot] for run in grouping.runs):
        return y
    way = add_by_gathering if _gathers(y, grouping) else add_by_runs
    return way(y, x.to(y.dtype), stacks=stacks, grouping=grouping)


def add_by_runs(y: Tensor, x: Tensor, *, stacks: Stacks, grouping: Grouping) -> Tensor:
    """As `add_updates`: two products for each run of rows, nothing copied."""
    for slot, start, stop in grouping.runs:
        rank = stacks.ranks[slot]
        if rank:
            a, b = stacks.a[slot, :rank].to(y.dtype), stacks.b[slot, :rank].to(y.dtype)
            # A xᵀ, and not x Aᵀ: of the two the skinny product that CPUs do faster.
            h = a @ x[start:stop].reshape(-1, x.shape[-1]).t()
            _add_product(y[start:stop], h.t(), b=b)
    return y


def add_by_gathering(y: Tensor, x: Tensor, *, stacks: Stacks, grouping: Grouping) -> Tensor:
    """As `add_updates`: each row's factors side by side, then two batched products."""
    rank = max(stacks.ranks[run.slot] for run in grouping.runs)
    a = stacks.a[:, :rank].index_select(0, grouping.slots).to(y.dtype)
    b = stacks.b[:, :rank].index_select(0, grouping.slots).to(y.dtype)
    whole = len(grouping.rows) == grouping.size
    picked = x if whole else x.index_select(0, grouping.rows)
    h = torch.bmm(picked.reshape(len(picked), -1, x.shape[-1]), a.transpose(1, 2))
    if whole and y.is_contiguous():
        y.view(len(y), -1, y.shape[-1]).baddbmm_(h, b)
        return y
    return y.index_add_(0, grouping.rows, torch.bmm(h, b).view(len(picked), *y.shape[1:]))


def _gathers(y: Tensor, grouping: Grouping) -> bool:
    """The table: many short runs are gathered, few or long ones taken one after the other.

    Each run costs two launches, gathering a copy of the factors for each row. Measured with
    768 and 3072 outputs, rank 8, 32 rows; on a GPU a launch costs more than the copies.
    """
    if len(grouping.runs) == 1 or y.dim() < 2:
        return False
    if y.device.type != "cpu":
        return True
    tokens = y.numel() // (y.shape[0] * y.shape[-1]) * len(grouping.rows)
    short = 32 if y.dtype == torch.float32 else 64
    return len(grouping.runs) > 4 and tokens < short * len(grouping.runs)


def add_looked_up(y: Tensor, ids: Tensor, *, stacks: Stacks, grouping: Grouping) -> Tensor:
    """y[i] += A[:, ids[i]]ᵀ (s Bᵀ) for an embedding, in place; ids [rows, ...], y [.., dim]."""
    for slot, start, stop in grouping.runs:
        rank = stacks.ranks[slot]
        if rank:
            h = stacks.a[slot, :rank][:, ids[start:stop].reshape(-1)].t().to(y.dtype)
            _add_product(y[start:stop], h, b=stacks.b[slot, :rank].to(y.dtype))
    return y


def rescale_rows(y: Tensor, *, gains: Tensor, bias: Tensor | None, grouping: Grouping) -> Tensor:
    """y[i] += (y[i] - bias) · gain of row i's slot, in place: DoRA's factors, less one.

    gains [slots, out], zero for a slot without magnitudes. Before the updates are added.
    Source: Liu et al. 2024, arXiv:2402.09353, eq. 5.
    """
    own = gains.index_select(0, grouping.slots).to(y.dtype)
    own = own.view(len(own), *[1] * (y.dim() - 2), -1)
    picked = y.index_select(0, grouping.rows)
    plain = picked if bias is None else picked - bias.to(y.dtype)
    return y.index_copy_(0, grouping.rows, picked + plain * own)


def _add_product(y: Tensor, h: Tensor, *, b: Tensor) -> None:
    """y [.., out] += h b, h [rows of all that is before, rank]."""
    if y.is_contiguous():
        y.view(-1, y.shape[-1]).addmm_(h, b)
    else:
        y += (h @ b).view(y.shape)


def _runs(slots: Sequence[int]) -> list[Run]:
    found, start = [], 0
    for slot, members in groupby(slots):
        stop = start + len(list(members))
        found.append(Run(slot, start, stop))
        start = stop
    return found
