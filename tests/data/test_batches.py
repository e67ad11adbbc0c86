from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from verilora.data.batches import collate, epoch_batches, evaluation_batches, padding_factor
from verilora.data.encode import Encoded

LENGTHS = st.lists(st.integers(1, 128), max_size=200)
SIZES = st.integers(1, 20)


def some_lengths(count: int) -> list[int]:
    """Lengths as sentences have them: many short ones, few long."""
    chance = random.Random(0)
    return [min(128, 5 + int(chance.expovariate(1 / 25))) for _ in range(count)]


@given(lengths=LENGTHS, size=SIZES, seed=st.integers(0, 2**53), window=st.integers(1, 9))
def test_every_example_comes_once_and_only_the_last_batch_is_short(
    lengths: list[int], size: int, seed: int, window: int
) -> None:
    batches = epoch_batches(lengths, batch_size=size, seed=seed, epoch=3, window=window)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    assert all(len(batch) == size for batch in batches[:-1])
    assert all(0 < len(batch) <= size for batch in batches)


@given(lengths=LENGTHS, size=SIZES)
def test_evaluation_has_every_example_once_the_longest_first(lengths: list[int], size: int) -> None:
    batches = evaluation_batches(lengths, size)
    flat = [index for batch in batches for index in batch]
    assert sorted(flat) == list(range(len(lengths)))
    assert [lengths[index] for index in flat] == sorted(lengths, reverse=True)
    assert all(len(batch) == size for batch in batches[:-1])


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    lengths = some_lengths(300)
    first = epoch_batches(lengths, batch_size=8, seed=1, epoch=2)
    random.seed(5)
    torch.manual_seed(5)
    assert epoch_batches(lengths, batch_size=8, seed=1, epoch=2) == first
    assert epoch_batches(lengths, batch_size=8, seed=1, epoch=3) != first
    assert epoch_batches(lengths, batch_size=8, seed=2, epoch=2) != first


def test_the_order_stays_what_it_was() -> None:
    # A resumed or repeated run needs the same order from every later version.
    batches = epoch_batches([3, 1, 4, 1, 5, 9, 2, 6, 5, 3], batch_size=4, seed=0, epoch=0)
    assert batches == [[3, 1, 6, 9], [0, 2, 8, 4], [7, 5]]


def test_no_random_state_is_touched() -> None:
    before = random.getstate(), torch.random.get_rng_state()
    epoch_batches(some_lengths(50), batch_size=8, seed=1, epoch=0)
    assert random.getstate() == before[0]
    assert torch.equal(torch.random.get_rng_state(), before[1])


def test_little_is_padded() -> None:
    lengths = some_lengths(4000)
    order = list(range(len(lengths)))
    random.Random(0).shuffle(order)
    by_chance = padding_factor(lengths, [order[i : i + 16] for i in range(0, len(order), 16)])
    ours = padding_factor(lengths, epoch_batches(lengths, batch_size=16, seed=0, epoch=0))
    assert by_chance > 1.8
    assert ours < 1.05
    assert padding_factor(lengths, evaluation_batches(lengths, 16)) < 1.02


def test_neighbours_in_length_are_mixed_anew_in_each_epoch() -> None:
    lengths = some_lengths(2000)
    together = [
        {frozenset(batch) for batch in epoch_batches(lengths, batch_size=16, seed=0, epoch=epoch)}
        for epoch in (0, 1)
    ]
    assert not together[0] & together[1]


def test_long_and_short_batches_come_in_any_order() -> None:
    lengths = some_lengths(500)
    first = [epoch_batches(lengths, batch_size=16, seed=0, epoch=e)[0] for e in range(60)]
    means = sorted(sum(lengths[i] for i in batch) / 16 for batch in first)
    overall = sum(lengths) / len(lengths)
    assert means[0] < overall / 2 < overall * 2 < means[-1]
    assert sum(means) / len(means) == pytest.approx(overall, rel=0.25)


def test_the_short_batch_is_not_always_of_the_longest() -> None:
    lengths = some_lengths(97)
    last = [epoch_batches(lengths, batch_size=16, seed=0, epoch=e)[-1] for e in range(5)]
    assert [len(batch) for batch in last] == [1] * 5
    assert len({index for batch in last for index in batch}) > 1


ENCODED = Encoded([[2, 7, 3], [2, 3], [2, 7, 8, 9, 3]], None, [1, 0, 1], ["a", "b", "c"], 0)


def test_collate_pads_to_the_longest_of_the_batch() -> None:
    batch = collate(ENCODED, [1, 0], pad_id=99)
    assert batch["input_ids"].tolist() == [[2, 3, 99], [2, 7, 3]]
    assert batch["attention_mask"].tolist() == [[1, 1, 0], [1, 1, 1]]
    assert batch["labels"].tolist() == [0, 1]
    assert {name: tensor.dtype for name, tensor in batch.items()} == dict.fromkeys(
        ("input_ids", "attention_mask", "labels"), torch.int64
    )


def test_collate_keeps_the_texts_of_a_pair_apart() -> None:
    pair = Encoded([[2, 7, 3], [2, 3]], [[0, 0, 1], [0, 1]], [0.5, 2.0], ["a", "b"], 0)
    batch = collate(pair, [0, 1], pad_id=0)
    assert batch["token_type_ids"].tolist() == [[0, 0, 1], [0, 1, 0]]
    assert batch["labels"].dtype == torch.float32
    assert batch["labels"].tolist() == [0.5, 2.0]


def test_real_pairs_are_hardly_padded(shared: Callable[[str], Path]) -> None:
    lines = (shared("mrpc") / "dev.tsv").read_text("utf-8-sig").splitlines()[1:]
    lengths = [len(line.split()) for line in lines]
    batches: Any = epoch_batches(lengths, batch_size=16, seed=0, epoch=0)
    assert padding_factor(lengths, batches) < 1.06


def test_a_batch_of_long_texts_holds_fewer() -> None:
    lengths = [3, 90, 50, 4, 40, 2, 1, 1]
    assert evaluation_batches(lengths, 3, tokens=100) == [[1], [2, 4], [3, 0, 5], [6, 7]]
    assert evaluation_batches(lengths, 3, tokens=10)[:3] == [[1], [2], [4]]
    assert evaluation_batches(lengths, 3, tokens=10**6) == evaluation_batches(lengths, 3)
