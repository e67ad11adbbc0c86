"""The orthogonal start: a product of zero, and where its numbers come from."""

from __future__ import annotations

import pytest
import torch

from verilora.lora.starts.fresh import orthogonal


@pytest.mark.parametrize("rank", [2, 6, 16])
def test_neither_factor_is_zero_and_the_product_is(rank: int) -> None:
    a, b = orthogonal((rank, 20), (24, rank), seed=0, path="layer.weight")
    assert (a.dtype, b.dtype) == (torch.float32, torch.float32)
    assert a.norm() > 0.1
    assert b.norm() > 0.1
    # Rows of an orthogonal matrix: float32 rounds what is zero otherwise.
    assert (b @ a).abs().max() < 1e-7 * b.norm() * a.norm()


def test_has_the_form_of_the_peers() -> None:
    """A's rows and B's columns span half of the rank's directions each, orthogonal to the other."""
    a, b = orthogonal((6, 20), (24, 6), seed=0, path="layer.weight")
    assert torch.linalg.matrix_rank(a) == 3
    assert torch.linalg.matrix_rank(b) == 3
    # Entries are normal / 10 times a row of an orthogonal matrix: deviation 0.1 · √(3 / 6).
    many, _ = orthogonal((6, 4000), (24, 6), seed=0, path="layer.weight")
    assert abs(many.std().item() - 0.1 * 0.5**0.5) < 0.005


def test_depends_on_seed_path_and_shape_alone() -> None:
    def first(**changes: object) -> torch.Tensor:
        given = {"seed": 0, "path": "a.weight", **changes}
        return orthogonal((4, 8), (6, 4), **given)[0]  # type: ignore[arg-type]

    before = torch.get_rng_state()
    assert torch.equal(first(), first())
    assert not torch.equal(first(), first(seed=1))
    assert not torch.equal(first(), first(path="b.weight"))
    assert torch.equal(torch.get_rng_state(), before)


def test_stacks_hold_different_matrices() -> None:
    a, b = orthogonal((3, 4, 8), (3, 6, 4), seed=0, path="experts")
    assert (b @ a).abs().max() < 1e-7
    assert not torch.equal(a[0], a[1])
