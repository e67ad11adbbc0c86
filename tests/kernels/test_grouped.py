"""Every way gives each row what the definition gives it alone, and no other row anything."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from verilora.kernels import grouped
from verilora.kernels.grouped import (
    NONE,
    Run,
    Stacks,
    add_by_gathering,
    add_by_runs,
    add_looked_up,
    add_updates,
    group,
    rescale_rows,
)
from verilora.kernels.reference import embedding_update, linear_update

RANKS = (3, 0, 5, 1)
INNER, OUT = 12, 7
ROUTES = {
    "one": [2, 2, 2, 2],
    "none": [NONE] * 4,
    "sorted": [0, 0, 2, 2, 3, 3],
    "mixed": [3, NONE, 0, 2, NONE, 3, 1, 2],
    "many": [0, 2, 3, 0, 2, 3, 0, 2, 3, 0, 2, 3],
    "first only": [0, NONE],
    "without rank": [1, 1],
}
TOLERANCE = {torch.float32: 1e-6, torch.bfloat16: 2**-6, torch.float64: 1e-13}
"""Of the largest output; bfloat16 rounds to 8 bits, three times on the way."""
WAYS = (add_updates, add_by_runs, add_by_gathering)
CASES = [(way, route) for way in WAYS for route in ROUTES]
# Never asked for where there is nothing to gather.
CASES = [(w, r) for w, r in CASES if w is not add_by_gathering or r not in ("none", "without rank")]


def drawn(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed + sum(shape))
    return torch.randn(shape, generator=generator).to(dtype)


def filled(dtype: torch.dtype) -> Stacks:
    a, b = drawn(4, 5, INNER, dtype=dtype), drawn(4, 5, OUT, dtype=dtype)
    for slot, rank in enumerate(RANKS):
        a[slot, rank:] = 0
        b[slot, rank:] = 0
    return Stacks(a, b, RANKS)


@pytest.mark.parametrize(("way", "route"), CASES)
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("middle", [(), (1,), (5,), (3, 2), (40,)], ids=str)
def test_each_row_gets_its_own_update(
    way: object, dtype: torch.dtype, middle: tuple[int, ...], route: str
) -> None:
    slots, stacks = ROUTES[route], filled(dtype)
    x, y = drawn(len(slots), *middle, INNER, dtype=dtype), drawn(len(slots), *middle, OUT)
    y = y.to(dtype)
    wanted = y.double().clone()
    for row, slot in enumerate(slots):
        if slot != NONE:
            a, b = stacks.a[slot].double(), stacks.b[slot].double()
            wanted[row] += linear_update(x[row].double(), a=a, b=b.t(), scale=1.0)
    before = y.clone()
    found = way(y, x, stacks=stacks, grouping=group(slots))  # type: ignore[operator]
    assert found is y
    assert (y.double() - wanted).abs().max() <= TOLERANCE[dtype] * wanted.abs().max()
    untouched = [row for row, slot in enumerate(slots) if slot in (NONE, 1)]
    assert torch.equal(y[untouched], before[untouched])


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_what_is_not_contiguous_is_right_too(way: object) -> None:
    stacks, grouping = filled(torch.float32), group(ROUTES["sorted"])
    x, y = drawn(INNER, 3, 6).permute(2, 1, 0), drawn(OUT, 3, 6).permute(2, 1, 0)
    wanted = add_by_runs(
        y.clone(memory_format=torch.contiguous_format), x, stacks=stacks, grouping=grouping
    )
    way(y, x, stacks=stacks, grouping=grouping)  # type: ignore[operator]
    torch.testing.assert_close(y, wanted)


def test_a_narrower_answer_casts_the_input() -> None:
    stacks, y = filled(torch.float32), drawn(6, 2, OUT).bfloat16()
    add_updates(y, drawn(6, 2, INNER), stacks=stacks, grouping=group(ROUTES["sorted"]))
    assert y.dtype == torch.bfloat16


def test_the_table_gathers_many_short_runs_only(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []
    for name in ("add_by_runs", "add_by_gathering"):
        own = getattr(grouped, name)
        monkeypatch.setattr(
            grouped, name, lambda *a, n=name, f=own, **k: taken.append(n) or f(*a, **k)
        )
    stacks = filled(torch.float32)
    for route, tokens in (("many", 2), ("many", 64), ("one", 2), ("sorted", 2)):
        slots = ROUTES[route]
        x, y = drawn(len(slots), tokens, INNER), drawn(len(slots), tokens, OUT)
        add_updates(y, x, stacks=stacks, grouping=group(slots))
    assert taken == ["add_by_gathering", "add_by_runs", "add_by_runs", "add_by_runs"]


def test_rows_are_grouped_in_the_order_of_the_batch() -> None:
    found = group([5, 5, NONE, 1, 5])
    assert found.runs == (Run(5, 0, 2), Run(1, 3, 4), Run(5, 4, 5))
    assert found.rows.tolist() == [0, 1, 3, 4] and found.slots.tolist() == [5, 5, 1, 5]


@pytest.mark.parametrize("route", ROUTES)
def test_embeddings_look_up_their_own(route: str) -> None:
    slots, stacks = ROUTES[route], filled(torch.float32)
    ids = torch.arange(len(slots) * 3).view(-1, 3) % INNER
    y = drawn(len(slots), 3, OUT)
    wanted = y.clone()
    for row, slot in enumerate(slots):
        if slot != NONE:
            pair = {"a": stacks.a[slot], "b": stacks.b[slot].t()}
            wanted[row] += embedding_update(
                ids[row], **pair, scale=1.0, padding_idx=None, dtype=torch.float32
            )
    add_looked_up(y, ids, stacks=stacks, grouping=group(slots))
    torch.testing.assert_close(y, wanted)


@pytest.mark.parametrize("bias", [True, False])
def test_rows_are_rescaled_around_their_bias(bias: bool) -> None:
    slots, gains = ROUTES["mixed"], drawn(4, OUT)
    y, offset = drawn(len(slots), 2, OUT), drawn(OUT) if bias else None
    shift = 0 if offset is None else offset
    wanted = y.clone()
    for row, slot in enumerate(slots):
        if slot != NONE:
            wanted[row] = shift + (1 + gains[slot]) * (y[row] - shift)
    rescale_rows(y, gains=gains, bias=offset, grouping=group(slots))
    torch.testing.assert_close(y, wanted)
