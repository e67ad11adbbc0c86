"""Slots are made once, take what fits, and keep nothing of what was there."""

from __future__ import annotations

import torch

from verilora.kernels.grouped import group
from verilora.serve.slots import Heads, Slots, Stacked


def update(rank: int, *, gain: bool = False) -> Stacked:
    own = torch.full((3,), 0.5) if gain else None
    return Stacked(torch.ones(rank, 4), torch.ones(rank, 3), own)


def added(slots: Slots, slot: int) -> torch.Tensor:
    y = torch.ones(1, 2, 3)
    return slots.add(y, torch.ones(1, 2, 4), grouping=group([slot]), bias=None)[0, 0]


def test_an_update_is_copied_into_place() -> None:
    slots = Slots(torch.zeros(3, 4), first=update(2), capacity=3, rank=4)
    places = slots.a.data_ptr(), slots.b.data_ptr()
    for slot, rank in enumerate((2, 4, 1)):
        slots.put(slot, update(rank))
    assert (slots.a.data_ptr(), slots.b.data_ptr()) == places
    assert [added(slots, slot)[0].item() for slot in range(3)] == [1 + 4 * r for r in (2, 4, 1)]
    assert not slots.state_dict() and not list(slots.parameters())
    assert slots.double().a.dtype == torch.float64


def test_a_narrower_update_leaves_nothing_of_a_wider_one() -> None:
    slots = Slots(torch.zeros(3, 4), first=update(4), capacity=1, rank=4)
    slots.put(0, update(4))
    slots.put(0, update(1))
    assert slots.a[0].sum() == 4 and slots.b[0].sum() == 3 and slots.ranks == [1]


def test_what_is_cleared_adds_nothing() -> None:
    slots = Slots(torch.zeros(3, 4), first=update(2), capacity=2, rank=2)
    slots.put(0, update(2, gain=True))
    assert torch.allclose(added(slots, 0), torch.tensor(1.5 + 8))
    slots.clear(0)
    assert torch.equal(added(slots, 0), torch.ones(3)) and not slots.rescaled
    assert not slots.a.any() and slots.gains is not None and not slots.gains.any()


def test_places_grow_for_more_parts() -> None:
    slots = Slots(torch.zeros(3, 4), first=update(2), capacity=2, rank=2)
    slots.put(0, update(2))
    slots.put(1, update(6))
    assert slots.a.shape == (2, 6, 4)
    assert [added(slots, slot)[0].item() for slot in (0, 1)] == [9, 25]


def test_heads_are_kept_by_place() -> None:
    heads, module = Heads(), torch.nn.Linear(2, 2)
    heads.put(3, module)
    assert heads.of(3) is module and heads.of(0) is None
    heads.clear(3)
    heads.clear(3)
    assert heads.of(3) is None
