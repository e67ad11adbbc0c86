"""Parts of fused projections: in blocks and back, whatever B looks like."""

from __future__ import annotations

import pytest
import torch

from verilora.lora.formats.documents import DocumentError
from verilora.lora.formats.grouped import (
    equal_rows,
    padded,
    parts_of,
    place,
    spread_groups,
)


def test_rows():
    assert equal_rows(9, 3) == [(0, 3), (3, 6), (6, 9)]


def test_spread_groups_is_a_grouped_convolution():
    a, b = torch.randn(4, 5), torch.randn(6, 2)
    grouped = torch.nn.functional.conv1d(a[None], b[..., None], groups=2)[0]
    found = spread_groups(b, [True, False, True], parts=3) @ a
    assert found.shape == (9, 5)
    torch.testing.assert_close(torch.cat([found[:3], found[6:]]), grouped)
    assert not found[3:6].any()


@pytest.mark.parametrize(
    ("rows", "enabled"), [(5, [True, False, True]), (6, [False] * 3), (6, [True, True])]
)
def test_rows_that_are_no_parts(rows, enabled):
    with pytest.raises(DocumentError, match="which is not that of"):
        spread_groups(torch.ones(rows, 2), enabled, parts=3)


def test_parts_come_back_from_blocks_to_the_bit():
    blocks, rows = [torch.randn(4, 2), torch.randn(2, 2)], [(0, 4), (6, 8)]
    a, b = torch.randn(4, 5), place(blocks, rows, out=8, rank=2)
    q, k, v = parts_of(a, b, rows=[(0, 4), (4, 6), (6, 8)])
    assert k is None
    assert torch.equal(q[0], a[:2])
    assert torch.equal(q[1], blocks[0])
    assert torch.equal(v[0], a[2:])
    assert torch.equal(v[1], blocks[1])


def test_a_dense_b_gives_each_part_all_of_a():
    a, b = torch.randn(2, 5), torch.randn(6, 2)
    found = parts_of(a, b, rows=equal_rows(6, 3))
    torch.testing.assert_close(torch.cat([y @ x for x, y in found]), b @ a)


def test_padding_changes_no_product():
    a, b = torch.randn(2, 5), torch.randn(6, 2)
    more_a, more_b = padded(a, b, rank=4)
    assert (more_a.shape, more_b.shape) == ((4, 5), (6, 4))
    assert torch.equal(more_b.double() @ more_a.double(), b.double() @ a.double())
    assert padded(a, b, rank=2)[0] is a
