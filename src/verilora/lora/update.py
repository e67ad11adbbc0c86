"""The trainable part: one low-rank update of one parameter, and the set of them on a module.

Adapter parameters are known by these types, never by a piece of their name.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from verilora.errors import StateError
from verilora.lora.layout import Layout


class LowRankUpdate(nn.Module):
    """ΔM = scale · B A for one parameter: A [.., rank, in], B [.., out, rank], both trainable."""

    A: nn.Parameter
    B: nn.Parameter

    def __init__(self, a: Tensor, b: Tensor, *, layout: Layout, alpha: float, scale: float) -> None:
        super().__init__()
        self.A = nn.Parameter(a)
        self.B = nn.Parameter(b)
        self.layout = layout
        self.rank = a.shape[-2]
        self.alpha = alpha
        self.scale = scale

    def factors(self, *, transposed: bool) -> tuple[Tensor, Tensor]:
        """(A, B) for a module that stores its weight transposed or not.

        A module that shares a tied weight in the other orientation (an embedding and its output
        layer) sees ΔMᵀ = scale · Aᵀ Bᵀ: the factors change places.
        """
        if transposed == self.layout.transposed:
            return self.A, self.B
        return self.B.transpose(-1, -2), self.A.transpose(-1, -2)

    def dense(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """scale · BA in the parameter's own shape; zeros outside a fused part."""
        return self.layout.dense(self.A, self.B, scale=self.scale, dtype=dtype)

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
        self.dropout = dropout
        self.merged = False
        self.kept: dict[str, Tensor] = {}
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
        if self.merged:
            return weight
        key = (parameter, torch.is_grad_enabled())
        if self.seen is not None and key in self.seen:
            return self.seen[key]
        wide = torch.promote_types(weight.dtype, torch.float32)
        deltas = [update.dense(wide) for update in self.of(parameter)]
        total = sum(deltas[1:], start=deltas[0])
        # In place on a tensor of our own: the only one of the weight's size beside the result.
        effective = total.add_(weight).to(weight.dtype)
        if self.seen is not None:
            self.seen[key] = effective
        return effective

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
