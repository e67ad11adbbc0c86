"""Layout: how one parameter of a module looks as the matrix M [out, in] that BA is added to.

One meaning for every kind of layer: a Linear stores M itself, an Embedding and GPT-2's Conv1D
store Mᵀ, a convolution stores M with its input dimension folded out, experts stack many M,
and a part of a fused projection is a range of M's rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor

from verilora.kernels.reference import dense_update


@dataclass(frozen=True)
class Layout:
    """Where an update of rank r with A [.., r, in] and B [.., out, r] lands in a parameter."""

    parameter: str
    """Attribute of the module, mostly "weight"."""
    shape: tuple[int, ...]
    """Of the whole parameter."""
    transposed: bool = False
    """The parameter stores Mᵀ."""
    experts: int = 0
    """How many matrices are stacked in the first dimension; 0 for a single one."""
    rows: tuple[int, int] | None = None
    """First row of M, and the row after the last, of a fused part."""

    @property
    def matrix_shape(self) -> tuple[int, int]:
        """(out, in) of the whole M, without experts and parts."""
        shape = self.shape[1:] if self.experts else self.shape
        out, inner = shape[0], prod(shape[1:])
        return (inner, out) if self.transposed else (out, inner)

    @property
    def out_features(self) -> int:
        """Rows of B."""
        return self.rows[1] - self.rows[0] if self.rows else self.matrix_shape[0]

    @property
    def in_features(self) -> int:
        """Columns of A."""
        return self.matrix_shape[1]

    def a_shape(self, rank: int) -> tuple[int, ...]:
        """Shape of A."""
        stack = (self.experts,) if self.experts else ()
        return (*stack, rank, self.in_features)

    def b_shape(self, rank: int) -> tuple[int, ...]:
        """Shape of B."""
        stack = (self.experts,) if self.experts else ()
        return (*stack, self.out_features, rank)

    def dense(
        self, a: Tensor, b: Tensor, *, scale: float, dtype: torch.dtype = torch.float32
    ) -> Tensor:
        """scale · BA in `dtype` and in the parameter's shape, zeros outside its rows.

        A tensor of its own, differentiable in A and B.
        """
        if self.transposed:
            a, b = b.transpose(-1, -2), a.transpose(-1, -2)
        matrix = dense_update(a, b, scale=scale, dtype=dtype)
        if self.rows:
            around = (self.rows[0], self.matrix_shape[0] - self.rows[1])
            matrix = F.pad(matrix, around if self.transposed else (0, 0, *around))
        # Not a view where it need not be one: autograd copies what is changed through a view.
        return matrix if matrix.shape == self.shape else matrix.reshape(self.shape)

    def spread(self, factors: Sequence[tuple[tuple[int, int] | None, Tensor]]) -> Tensor:
        """Factors of rows of M, by range and in order, in a shape that multiplies the parameter.

        Rows of no range get 1. Differentiable.
        """
        rows, first = factors[0]
        if rows is None:
            whole = first
        else:
            pieces, end = [], 0
            for (start, stop), piece in [(r, f) for r, f in factors if r]:
                pieces += [first.new_ones(start - end), piece]
                end = stop
            whole = torch.cat([*pieces, first.new_ones(self.matrix_shape[0] - end)])
        if self.transposed:
            return whole.unsqueeze(-2)
        return whole.reshape(*whole.shape, *[1] * (len(self.shape) - whole.dim()))

    def matrix(self, tensor: Tensor) -> Tensor:
        """The own rows of M [.., out, in], seen in a contiguous tensor of the parameter's shape.

        A view: what is written into it lands in `tensor`.
        """
        view = tensor if self.experts else tensor.view(tensor.shape[0], -1)
        if self.transposed:
            view = view.transpose(-1, -2)
        return view[self.rows[0] : self.rows[1]] if self.rows else view


def is_floating(weight: Tensor) -> bool:
    """True for the dtypes that an update can be added to."""
    return weight.dtype in (torch.float64, torch.float32, torch.bfloat16, torch.float16)
