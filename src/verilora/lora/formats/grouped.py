"""Groups: the factors of a fused projection whose parts have a low-rank update each.

loralib's MergedLinear, litgpt's fused q, k, v and PEFT 0.2 keep the parts' A on top of each other
[parts · rank, in], and their B too [rows of the parts, rank]; nothing says where a part begins
but the sizes. As one pair, B stands as blocks: [out, parts · rank], zero elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from verilora.lora.formats.documents import DocumentError

Rows = tuple[int, int]
"""First row of a part, and the row after its last."""


def equal_rows(out: int, parts: int) -> list[Rows]:
    """The rows of `parts` parts of the same size."""
    size = out // parts
    return [(index * size, (index + 1) * size) for index in range(parts)]


def spread_groups(b: Tensor, enabled: Sequence[bool], *, parts: int) -> Tensor:
    """B [out, on · rank] with a block for each part that is on, of B [rows of those, rank].

    Raises DocumentError if the rows are not divided by the parts that are on.
    """
    on = sum(enabled)
    if not on or len(enabled) != parts or b.shape[0] % on:
        raise DocumentError(f"has B {tuple(b.shape)}, which is not that of {on} of {parts} parts")
    size, rank = b.shape[0] // on, b.shape[1]
    rows = [r for r, is_on in zip(equal_rows(size * parts, parts), enabled, strict=True) if is_on]
    return place(b.split(size), rows, out=size * parts, rank=rank)


def place(blocks: Sequence[Tensor], rows: Sequence[Rows], *, out: int, rank: int) -> Tensor:
    """B [out, blocks · rank] with each block at its rows, and in its own columns."""
    placed = blocks[0].new_zeros(out, rank * len(blocks))
    for index, (block, (start, end)) in enumerate(zip(blocks, rows, strict=True)):
        placed[start:end, index * rank : (index + 1) * rank] = block
    return placed


def parts_of(a: Tensor, b: Tensor, *, rows: Sequence[Rows]) -> list[tuple[Tensor, Tensor] | None]:
    """(A, B) of each part, None for one whose rows are zero; exact, whatever B looks like.

    A part keeps the directions that its rows use: its own block where B is made of blocks.
    """
    found: list[tuple[Tensor, Tensor] | None] = []
    for start, end in rows:
        own = b[start:end]
        used = own.ne(0).any(0)
        found.append((a[used], own[:, used]) if bool(used.any()) else None)
    return found


def padded(a: Tensor, b: Tensor, *, rank: int) -> tuple[Tensor, Tensor]:
    """The same product at a greater rank: zero rows of A, zero columns of B."""
    more = rank - a.shape[-2]
    if more == 0:
        return a, b
    rows = a.new_zeros(*a.shape[:-2], more, a.shape[-1])
    columns = b.new_zeros(*b.shape[:-1], more)
    return torch.cat([a, rows], dim=-2), torch.cat([b, columns], dim=-1)
