"""The trainable part: one low-rank update of one parameter, and the set of them on a module.

Adapter parameters are known by these types, never by a piece of their name.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from verilora.errors import StateError
from verilora.kernels.magnitude import Pair, row_norms
from verilora.lora.layout import Layout
from verilora.lora.quantised.exchange import Kept
from verilora.lora.switch import Switch


class LowRankUpdate(nn.Module):
    """ΔM = scale · B A for one parameter: A [.., rank, in], B [.., out, rank], both trainable.

    Under a start from the weight itself, ΔM = scale · (B A - B₀ A₀) with the frozen pair that it
    began with: the base's bits stay, and at the start ΔM is exactly zero. Under DoRA the rows of
    M + ΔM get trained norms, `magnitude` [.., out].
    """

    A: nn.Parameter
    B: nn.Parameter
    A0: Tensor
    B0: Tensor
    magnitude: nn.Parameter

    def __init__(self, a: Tensor, b: Tensor, *, layout: Layout, alpha: float, scale: float) -> None:
        super().__init__()
        self.A = nn.Parameter(a)
        self.B = nn.Parameter(b)
        self.layout = layout
        self.rank = a.shape[-2]
        self.alpha = alpha
        self.scale = scale
        self.started = False
        """A0 and B0 are kept: what was trained is s(BA - B₀A₀)."""
        self.residual = False
        """They are subtracted; false where the base's weight was replaced (LoftQ)."""
        self.rescales = False
        """There is a magnitude."""

    def keep_start(self, *, subtracted: bool) -> None:
        """Remembers A and B as they are now as the pair that training starts from."""
        self.register_buffer("A0", self.A.detach().clone())
        self.register_buffer("B0", self.B.detach().clone())
        self.started, self.residual = True, subtracted

    def keep_magnitude(self, weight: Tensor, dtype: torch.dtype) -> None:
        """Adds the norms of the rows as they are now, so that nothing is changed by them.

        Source: Liu et al. 2024, arXiv:2402.09353, eq. 5 (m is initialised with ‖W‖).
        """
        self.magnitude = nn.Parameter(self.norms(weight).to(dtype))
        self.rescales = True

    def factors(self, *, transposed: bool, start: bool = False) -> tuple[Tensor, Tensor]:
        """(A, B), or the pair of the start, for a module that stores its weight transposed or not.

        A module that shares a tied weight in the other orientation (an embedding and its output
        layer) sees ΔMᵀ = scale · Aᵀ Bᵀ: the factors change places.
        """
        a, b = (self.A0, self.B0) if start else (self.A, self.B)
        if transposed == self.layout.transposed:
            return a, b
        return b.transpose(-1, -2), a.transpose(-1, -2)

    def pairs(self) -> list[Pair]:
        """What is added to the weight: one pair with its scale, or the start's too, negative."""
        own = (self.A, self.B, self.scale)
        return [own, (self.A0, self.B0, -self.scale)] if self.residual else [own]

    def dense(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """ΔM in the parameter's own shape; zeros outside a fused part. No magnitude in it."""
        total = self.dense_pair(dtype)
        return total - self.dense_pair(dtype, start=True) if self.residual else total

    def dense_pair(self, dtype: torch.dtype = torch.float32, *, start: bool = False) -> Tensor:
        """scale · BA of one pair alone, as `dense`."""
        a, b = (self.A0, self.B0) if start else (self.A, self.B)
        return self.layout.dense(a, b, scale=self.scale, dtype=dtype)

    def norms(self, weight: Tensor) -> Tensor:
        """Norms of the own rows of M + ΔM, [.., out], for the base's weight; no gradient."""
        return row_norms(self.layout.matrix(weight.detach().contiguous()), self.pairs())

    def factor(self, weight: Tensor) -> Tensor:
        """As `factor_of`, for the base's weight in its own shape."""
        return self.factor_of(self.layout.matrix(weight.detach().contiguous()))

    def factor_of(self, matrix: Tensor) -> Tensor:
        """What each own row of M + ΔM is multiplied with, [.., out]: magnitude / norm.

        1 for a row of zeros, which has no direction. Differentiable in the magnitude alone
        (arXiv:2402.09353, section 4.3).
        """
        norms = row_norms(matrix, self.pairs())
        there = norms > 0
        return torch.where(there, self.magnitude / torch.where(there, norms, 1.0), 1.0)

    def difference(self) -> tuple[Tensor, Tensor]:
        """(A, B) in float64 on the CPU whose product is BA, or BA - B₀A₀ without cancellation."""
        a, b = (factor.detach().cpu().double() for factor in (self.A, self.B))
        if not self.started:
            return a, b
        first, second = (factor.cpu().double() for factor in (self.A0, self.B0))
        return torch.cat([a - first, first], -2), torch.cat([b, b - second], -1)

    def extra_repr(self) -> str:
        """Shapes for the model's printed form."""
        inner, out = self.layout.in_features, self.layout.out_features
        return f"in={inner}, rank={self.rank}, out={out}, scale={self.scale:g}"


class UpdateSet(nn.ModuleDict):
    """All updates of one module, by name: "weight", a fused part ("q"), or a parameter's name.

    While merged the base weight holds the sum, `kept` the original bits, and the state dict is
    that of the plain merged model: no adapter is written, none can be loaded.
    """

    def __init__(self, updates: dict[str, LowRankUpdate], *, dropout: float = 0.0) -> None:
        super().__init__(updates)
        self.residual = any(update.residual for update in updates.values())
        self.rescales = any(update.rescales for update in updates.values())
        self.plain = not (self.residual or self.rescales)
        """Nothing but scale · BA is added: the common case, and the fast one."""
        self.dropout = dropout
        self.switch = Switch()
        """The attached model's: whether the updates are off (`base_only`)."""
        self.merged = False
        self.kept: dict[str, Tensor] = {}
        self.packed: Kept | None = None
        """The bits of a quantised layer, while merged."""
        self.seen: dict[tuple[str, bool], Tensor] | None = None
        """Effective weights read in the forward that runs now, so that each is made once."""

    @classmethod
    def takes_name(cls, name: str) -> bool:
        """True if an update may be called so: no dot, and nothing that a set has already."""
        return bool(name) and "." not in name and not hasattr(cls({}), name)

    def of(self, parameter: str) -> list[LowRankUpdate]:
        """The updates that land in `parameter`."""
        return [update for update in self.updates() if update.layout.parameter == parameter]

    def updates(self) -> list[LowRankUpdate]:
        """All of them, typed."""
        return [update for update in self.values() if isinstance(update, LowRankUpdate)]

    def parameters_updated(self) -> list[str]:
        """Names of the base parameters that the updates land in, each once, in order."""
        return list(dict.fromkeys(update.layout.parameter for update in self.updates()))

    def applied(self, parameter: str, weight: Tensor) -> Tensor:
        """The effective weight, summed in float32 and rounded once; differentiable in A and B."""
        if self.merged or (self.switch.turned and self.switch.is_off):
            return weight
        key = (parameter, torch.is_grad_enabled())
        if self.seen is not None and key in self.seen:
            return self.seen[key]
        wide = torch.promote_types(weight.dtype, torch.float32)
        deltas = [update.dense(wide) for update in self.of(parameter)]
        total = sum(deltas[1:], start=deltas[0])
        # In place on a tensor of our own: the only one of the weight's size beside the result.
        effective = total.add_(weight)
        if self.rescales:
            effective = effective * self.row_factors(parameter, weight).to(wide)
        effective = effective.to(weight.dtype)
        if self.seen is not None:
            self.seen[key] = effective
        return effective

    def row_factors(self, parameter: str, weight: Tensor) -> Tensor:
        """Of every row of M, shaped to be multiplied with the parameter; 1 for rows of no part."""
        updates = self.of(parameter)
        layout = updates[0].layout
        return layout.spread([(update.layout.rows, update.factor(weight)) for update in updates])

    def drop(self, x: Tensor) -> Tensor:
        """Dropout of the adapter's input alone, while training."""
        return F.dropout(x, self.dropout, training=self.training) if self.dropout else x

    def refuse_training(self, kind: str) -> None:
        """Raises StateError if this is training while merged: no gradient would reach A or B."""
        if self.merged and self.training and torch.is_grad_enabled():
            raise StateError(
                f"training while merged: the adapter of this {kind} lies in the base weight and "
                "would receive no gradient; call unmerge(model) first (or, if this is no training, "
                "model.eval() or torch.no_grad())"
            )

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """As nn.Module's; while merged, nothing is added."""
        if self.merged:
            destination = kwargs.get("destination")
            return {} if destination is None else destination
        return super().state_dict(*args, **kwargs)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
        if self.merged:
            refuse_loading(prefix.removesuffix(".lora.").removesuffix("lora."))
        super()._load_from_state_dict(state_dict, prefix, *args)


def refuse_loading(path: str) -> None:
    """Raises StateError: a merged model cannot take a state dict."""
    raise StateError(
        f"loading a state dict while {path or 'the model'} is merged would mix two models; call "
        "unmerge(model) first"
    )
