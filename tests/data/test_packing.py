from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from verilora.data.encoded import IGNORED, Encoded
from verilora.data.packing import alone, lay_out, pack, width_of_rows

_ = IGNORED


def of_lengths(*lengths: int) -> Encoded:
    ids = [[10 * n + k for k in range(length)] for n, length in enumerate(lengths, 1)]
    targets = [[_, *row[1:]] for row in ids]
    names = [f"train-{n}" for n in range(len(ids))]
    return Encoded(ids, None, [], names, truncated=0, targets=targets)


@given(st.lists(st.integers(1, 12), min_size=1, max_size=40))
def test_every_text_is_in_one_row_and_no_row_is_overfull(lengths: list[int]) -> None:
    encoded = of_lengths(*lengths)
    rows = pack(encoded, range(len(lengths)), capacity=12)
    assert sorted(index for row in rows for index in row) == list(range(len(lengths)))
    assert width_of_rows(encoded, rows) <= 12
    fills = [sum(lengths[index] for index in row) for row in rows]
    # First fit: no two rows could be one.
    assert all(a + b > 12 for n, a in enumerate(fills) for b in fills[n + 1 :])


def test_rows_are_filled_longest_first() -> None:
    assert pack(of_lengths(2, 5, 3, 3, 6), [0, 1, 2, 3, 4], capacity=8) == [[4, 0], [1, 2], [3]]
    assert pack(of_lengths(2, 5, 3), [2, 0], capacity=8) == [[2, 0]]


def test_texts_alone_are_padded_on_the_right() -> None:
    found = lay_out(of_lengths(3, 2), alone([1, 0]), width=4)
    assert found.inputs["input_ids"].tolist() == [[20, 21, 0, 0], [10, 11, 12, 0]]
    assert found.inputs["attention_mask"].tolist() == [[1, 1, 0, 0], [1, 1, 1, 0]]
    assert "position_ids" not in found.inputs
    assert (found.places, found.targets, found.owners) == ([0, 4, 5], [21, 11, 12], [1, 0, 0])


def test_packed_texts_see_themselves_alone_and_count_from_zero() -> None:
    found = lay_out(of_lengths(2, 3), [[0, 1]], width=6)
    assert found.inputs["input_ids"].tolist() == [[10, 11, 20, 21, 22, 0]]
    assert found.inputs["position_ids"].tolist() == [[0, 1, 0, 1, 2, 0]]
    mask = found.inputs["attention_mask"]
    assert mask.shape == (1, 1, 6, 6)
    assert (mask[0, 0] == 0).int().tolist() == [
        [1, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0],
        [0, 0, 1, 0, 0, 0],
        [0, 0, 1, 1, 0, 0],
        [0, 0, 1, 1, 1, 0],
        [0, 0, 0, 0, 0, 1],
    ]
    assert mask.min() == torch.finfo(torch.float32).min
    # The first token of the second text is foretold by nothing.
    assert (found.places, found.targets, found.owners) == ([0, 2, 3], [11, 21, 22], [0, 1, 1])
