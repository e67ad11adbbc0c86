"""Values of an adapter as the slots want them: one pair a module, scale and DoRA's factors in B."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from verilora.kernels.magnitude import row_norms
from verilora.lora.blueprint import stores_transposed
from verilora.lora.formats.peft.sites import Factors, Site
from verilora.lora.formats.peft.values import Values
from verilora.serve.slots import Stacked


@torch.no_grad()
def stacked_updates(model: nn.Module, values: Values) -> dict[str, Stacked]:
    """Path -> update of every module that the adapter adds to, in float32 or wider."""
    found = {}
    for site in values.inventory.sites:
        own = _stacked(site, values.factors[site.path], norms=values.magnitudes.get(site.path))
        found[site.path] = own
        for path in site.partners:
            turned = stores_transposed(model.get_submodule(path)) != stores_transposed(site.module)
            found[path] = own._replace(a=own.b, b=own.a) if turned else own
    return found


def _stacked(
    site: Site, factors: Mapping[str, Factors], *, norms: Mapping[str, Tensor] | None
) -> Stacked:
    """The parts side by side: A's under each other, each Bᵀ over the columns of its outputs."""
    out = site.parts[0].layout.matrix_shape[0]
    a_parts, b_parts, gain = [], [], None
    for part in site.parts:
        a, b = (_wide(factor) for factor in factors[part.name])
        rows = slice(*part.layout.rows) if part.layout.rows else slice(0, out)
        b = b * part.scale
        if norms is not None:
            factor = _factor(site, part.name, a=a, b=b, norm=norms[part.name])
            gain = factor.new_zeros(out) if gain is None else gain
            gain[rows] = factor - 1
            b = b * factor[:, None]
        a_parts.append(a)
        b_parts.append(_over(b.t(), rows, out=out))
    if len(a_parts) == 1:
        return Stacked(a_parts[0], b_parts[0], gain)
    return Stacked(torch.cat(a_parts), torch.cat(b_parts), gain)


def _over(b: Tensor, rows: slice, *, out: int) -> Tensor:
    """[rank, rows] -> [rank, out], zeros outside the rows."""
    if b.shape[1] == out:
        return b
    spread = b.new_zeros(b.shape[0], out)
    spread[:, rows] = b
    return spread


def _factor(site: Site, name: str, *, a: Tensor, b: Tensor, norm: Tensor) -> Tensor:
    """Magnitude / ‖row of W + sBA‖ for the part's outputs, on the CPU; 1 for a row of zeros."""
    layout = next(part.layout for part in site.parts if part.name == name)
    weight = site.module._parameters["weight"]
    assert weight is not None
    matrix = layout.matrix(weight.detach().contiguous())
    pair = (a.to(matrix.device), b.to(matrix.device), 1.0)
    norms = row_norms(matrix, [pair]).to(a.device, a.dtype)
    there = norms > 0
    return torch.where(there, _wide(norm) / torch.where(there, norms, 1.0), 1.0)


def _wide(tensor: Tensor) -> Tensor:
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))
