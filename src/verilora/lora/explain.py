"""explain: what is adapted, by which rule, how strongly, and in which state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from verilora.kernels.reference import dense_update
from verilora.lora.algebra.small import (
    effective_rank,
    numerical_rank,
    product_norm,
    singular_values,
)
from verilora.lora.attachment import attachment_of, each_update_set, kept_bits, updates_of
from verilora.lora.layers import WeightAdapted
from verilora.lora.layout import Layout
from verilora.lora.quantised.reading import scalars, scheme_of, weight_of
from verilora.lora.update import LowRankUpdate, UpdateSet

_DTYPES = ("float64", "float32", "bfloat16", "float16")


@dataclass(frozen=True)
class LayerExplanation:
    """One update of one parameter."""

    path: str
    """Of the module."""
    name: str
    """Of the update in it: "weight", a fused part, or a parameter."""
    kind: str
    """Class of the module before it was adapted."""
    base: str
    """How its weight is kept: the dtype, or "nf4" or "int8" for a quantised one."""
    way: str
    """How it computes: "output" (adds to it) or "weight" (reads base + update)."""
    rule: str
    """The entry of the config that matched."""
    rank: int
    alpha: float
    scale: float
    dtype: str
    parameters: int
    """Trainable scalars."""
    tied: tuple[str, ...]
    """Modules that carry the same update on the same weight."""
    merged: bool
    trained: bool
    """The update is not zero."""
    relative_norm: float
    """‖ΔW‖ / ‖W‖, Frobenius; of the update's own rows for a fused part."""
    norm: float
    """‖ΔW‖, Frobenius."""
    effective_rank: float
    """exp of the entropy of BA's singular values; 0 for zeros, the mean of a stack."""
    numerical_rank: int
    """How many singular values the dtype can tell from zero; the greatest of a stack."""


@dataclass(frozen=True)
class Explanation:
    """A record for each update; prints as a table."""

    layers: tuple[LayerExplanation, ...]
    whole: tuple[str, ...]
    """Modules trained whole."""
    adapter_parameters: int
    whole_parameters: int
    """In modules trained whole, and in biases trained."""
    total_parameters: int
    """Of the base, the modules trained whole among them; without the updates."""

    def __iter__(self) -> Iterator[LayerExplanation]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, index: int) -> LayerExplanation:
        return self.layers[index]

    def to_mapping(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {**asdict(self), "layers": [asdict(layer) for layer in self.layers]}

    def __str__(self) -> str:
        rows = [("layer", "kind", "rule", "rank", "scale", "‖ΔW‖/‖W‖", "eff. rank", "state")]
        rows += [_row(layer) for layer in self.layers]
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        lines = [
            "  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)).rstrip() for r in rows
        ]
        trainable = self.adapter_parameters + self.whole_parameters
        lines.append(
            f"{self.adapter_parameters:,} adapter parameters, {self.whole_parameters:,} in modules "
            f"trained whole ({', '.join(self.whole) or 'none'}); together "
            f"{trainable / self.total_parameters:.2%} of the base's {self.total_parameters:,}"
        )
        return "\n".join(lines)


def explain(model: nn.Module) -> Explanation:
    """One record for each update of the model, merged or not; changes nothing.

    Norms are exact and cheap: ‖BA‖² = Σ (BᵀB) ∘ (AAᵀ) needs no matrix of the weight's size.
    Raises StateError if nothing is attached.
    """
    attachment, kept = attachment_of(model), kept_bits(model)
    layers = [
        _explain_update(model, path, name=name, kept=kept)
        for path, updates in each_update_set(model)
        for name in updates
    ]
    own = {id(p) for _, updates in each_update_set(model) for p in updates.parameters()}
    whole = {p: None for path in attachment.whole for p in model.get_submodule(path).parameters()}
    whole |= dict.fromkeys(model.get_parameter(name) for name in attachment.biases)
    return Explanation(
        layers=tuple(layers),
        whole=attachment.whole,
        adapter_parameters=sum(layer.parameters for layer in layers),
        whole_parameters=sum(p.numel() for p in whole),
        total_parameters=sum(n for key, n in scalars(model).items() if key not in own),
    )


def update_norm(update: LowRankUpdate) -> float:
    """‖scale · BA‖, Frobenius, over all experts of a stack; exactly 0.0 if A or B is zero.

    Of an update that started as a part of the weight: of scale · (BA - B₀A₀).
    """
    if update.A.is_meta:
        return 0.0
    a, b = update.difference()
    return product_norm(a, b, scale=update.scale)


def update_ranks(update: LowRankUpdate) -> tuple[float, int]:
    """(effective, numerical) rank of the update, from its factors; zeros on the meta device."""
    if update.A.is_meta:
        return 0.0, 0
    values = singular_values(*update.difference())
    size = max(update.layout.in_features, update.layout.out_features)
    return effective_rank(values), numerical_rank(values, size=size, dtype=update.A.dtype)


def _explain_update(
    model: nn.Module, path: str, *, name: str, kept: dict[int, Tensor]
) -> LayerExplanation:
    layer, module = attachment_of(model).layers[path], model.get_submodule(path)
    updates = updates_of(model, path)
    update = updates[name]
    assert isinstance(update, LowRankUpdate)
    base = _base_matrix(module, update.layout, kept=kept)
    norm = rescaled_norm(update, base) if update.rescales else update_norm(update)
    weight = _norm(base)
    effective, numerical = update_ranks(update)
    return LayerExplanation(
        path=path,
        name=name,
        kind=layer.kind,
        base=_kept_as(module, name=update.layout.parameter),
        way="weight" if isinstance(module, WeightAdapted) else "output",
        rule=layer.rules[name],
        rank=update.rank,
        alpha=update.alpha,
        scale=update.scale,
        dtype=str(update.A.dtype).removeprefix("torch."),
        parameters=sum(parameter.numel() for parameter in update.parameters()),
        tied=layer.partners,
        merged=updates.merged,
        trained=norm > 0,
        relative_norm=norm / weight if weight else 0.0,
        norm=norm,
        effective_rank=effective,
        numerical_rank=numerical,
    )


@torch.no_grad()
def rescaled_norm(update: LowRankUpdate, base: Tensor) -> float:
    """‖g ∘ (M + ΔM) - M‖ under DoRA, for the base's own rows M [.., out, in].

    Makes one matrix of the weight's size. 0.0 if neither factors nor magnitudes have moved.
    """
    if base.is_meta:
        return 0.0
    wide = torch.promote_types(base.dtype, torch.float32)
    deltas = [dense_update(a, b, scale=scale, dtype=wide) for a, b, scale in update.pairs()]
    # The pairs first: at the start they cancel to the bit.
    total = base.to(wide) + sum(deltas[1:], start=deltas[0])
    factor = update.factor_of(base).to(wide).unsqueeze(-1)
    return _norm(total * factor - base)


def _base_matrix(module: nn.Module, layout: Layout, *, kept: dict[int, Tensor]) -> Tensor:
    """The base's own rows of M."""
    updates = module._modules["lora"]
    assert isinstance(updates, UpdateSet)
    if updates.packed is not None:
        weight = updates.packed.values
    else:
        parameter = module._parameters[layout.parameter]
        weight = kept.get(id(parameter), weight_of(module, layout.parameter))
    return layout.matrix(weight.detach().contiguous())


def _kept_as(module: nn.Module, *, name: str) -> str:
    parameter = module._parameters[name]
    assert parameter is not None
    return scheme_of(module) or str(parameter.dtype).removeprefix("torch.")


def _norm(matrix: Tensor) -> float:
    if matrix.is_meta:
        return 0.0
    wide = torch.promote_types(matrix.dtype, torch.float32)
    return torch.linalg.vector_norm(matrix, dtype=wide).item()


def _row(layer: LayerExplanation) -> tuple[str, ...]:
    states = [
        "trained" if layer.trained else "zero",
        *(["merged"] if layer.merged else []),
        *([f"tied to {', '.join(layer.tied)}"] if layer.tied else []),
    ]
    path = layer.path if layer.name == "weight" else f"{layer.path} [{layer.name}]"
    return (
        path,
        layer.kind if layer.base in _DTYPES else f"{layer.kind} ({layer.base})",
        layer.rule,
        str(layer.rank),
        f"{layer.scale:g}",
        f"{layer.relative_norm:.3e}",
        f"{layer.effective_rank:.2f}",
        ", ".join(states),
    )
