"""Layout: how one parameter of a module looks as the matrix M [out, in] that BA is added to.

One meaning for every kind of layer: a Linear stores M itself, an Embedding and GPT-2's Conv1D
store Mᵀ, a convolution stores M with its input dimension folded out, experts stack many M,
and a part of a fused projection is a range of M's rows.
"""

from __future__ import annotations

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

    def place(self, matrix: Tensor) -> Tensor:
        """An update [.., out, in] in the parameter's own shape, zeros outside its rows."""
        if self.rows:
            before, after = self.rows[0], self.matrix_shape[0] - self.rows[1]
            matrix = F.pad(matrix, (0, 0, before, after))
        if self.transposed:
            matrix = matrix.transpose(-1, -2)
        return matrix.reshape(self.shape)

    def dense(self, a: Tensor, b: Tensor, *, scale: float) -> Tensor:
        """scale · BA in float32 and in the parameter's shape; differentiable."""
        return self.place(dense_update(a, b, scale=scale))


def layout_of_matrix(parameter: str, weight: Tensor, *, transposed: bool = False) -> Layout:
    """Layout of a 2-D weight (or a convolution's kernel, folded to 2-D)."""
    return Layout(parameter, tuple(weight.shape), transposed=transposed)


def layout_of_experts(parameter: str, weight: Tensor, *, transposed: bool) -> Layout:
    """Layout of a 3-D stack [experts, out, in], or [experts, in, out] if `transposed`."""
    shape = tuple(weight.shape)
    return Layout(parameter, shape, transposed=transposed, experts=shape[0])


def is_floating(weight: torch.Tensor) -> bool:
    """True for the dtypes that an update can be added to."""
    return weight.dtype in (torch.float64, torch.float32, torch.bfloat16, torch.float16)
