"""merge and unmerge: the sum in float32, rounded once; the base's bits kept and given back.

A merge proves itself: it refuses when it would change nothing although the adapter is not zero,
when it would not be finite, or when the model's answer to a probe differs by more than allowed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from verilora.errors import MergeError, StateError
from verilora.kernels.magnitude import Pair
from verilora.kernels.reference import dense_update
from verilora.lora.attachment import attachment_of, each_update_set, is_merged, updates_of
from verilora.lora.fingerprint import has_values
from verilora.lora.merged import MergedWeight, MergeReport
from verilora.lora.probe import answer, difference
from verilora.lora.quantised.exchange import exchange, put_back
from verilora.lora.quantised.reading import computes_in, is_packed, scheme_of, weight_of
from verilora.lora.update import LowRankUpdate, UpdateSet

# Greatest difference allowed between the answers before and after, as a share of the greatest
# answer: rounding of the weights' dtype, carried through a deep model.
TOLERANCES = {torch.float64: 1e-9, torch.float32: 1e-4, torch.float16: 2e-2, torch.bfloat16: 1e-1}
# Scalars merged at a time, so that a large weight needs no large temporaries.
PIECE = 1 << 20


def merge(
    model: nn.Module,
    probe: Any = None,
    *,
    tolerance: float | None = None,
    requantise: bool = False,
) -> MergeReport:
    """Adds every update into its base weight, in place; the bits from before are kept aside.

    Each weight is summed in float32 and rounded once to its own dtype. `probe` is a batch (a dict
    of keyword arguments, a tuple of arguments, or one tensor); the model must answer it as before
    within `tolerance` (by default by the weights' dtype: 1e-4 for float32, 0.1 for bfloat16).
    A quantised layer becomes a whole one with W + ΔW in the dtype that W had before it was packed;
    with `requantise` the sum is packed again by the layer's own scheme, which costs about as much
    as the first time: the error is in the report, and the probe is told but not judged.
    Costs a copy of each adapted weight until `unmerge`.
    Raises MergeError, with the model as it was, if a merge would be wrong; StateError if merged.
    """
    attachment_of(model)
    if is_merged(model):
        raise StateError("the model is merged already; call unmerge(model) first")
    before = None if probe is None else answer(model, probe)
    coarsest = [_computes_in(model, path) for path in attachment_of(model).layers]
    try:
        weights = tuple(
            weight
            for path in attachment_of(model).layers
            for weight in _merge_module(model, path, requantise=requantise)
        )
        _refuse_lost(model, weights)
        if before is None:
            return MergeReport(weights)
        allowed = tolerance
        if allowed is None:
            allowed = math.inf if requantise else _tolerance(coarsest)
        return _compare(weights, difference(before, answer(model, probe)), allowed=allowed)
    except BaseException:
        _restore_bits(model)
        raise


def unmerge(model: nn.Module) -> nn.Module:
    """Puts the base's own bits back, exactly, after any number of merges; returns the model.

    A model that was moved or cast while merged gets them moved or cast.
    Raises StateError if the model is not merged.
    """
    if not is_merged(model):
        raise StateError("the model is not merged; there is nothing to undo")
    _restore_bits(model)
    return model


@torch.no_grad()
def _merge_module(model: nn.Module, path: str, *, requantise: bool) -> Iterator[MergedWeight]:
    module, updates = model.get_submodule(path), updates_of(model, path)
    if is_packed(module):
        yield _merge_packed(module, updates, path=path, requantise=requantise)
        return
    for name in updates.parameters_updated():
        parameter = module._parameters[name]
        assert parameter is not None
        if parameter.is_meta:
            raise MergeError(f"{path}.{name} is on the meta device and has no values", path=path)
        merged, norm, error = _summed(parameter, updates.of(name), name=f"{path}.{name}")
        updates.kept[name] = parameter.data
        for holder in _holders(model, path, name=name):
            holder.data = merged
        yield MergedWeight(f"{path}.{name}", _told(parameter.dtype), norm, error)
    updates.merged = True


def _merge_packed(
    module: nn.Module, updates: UpdateSet, *, path: str, requantise: bool
) -> MergedWeight:
    parameter = module._parameters["weight"]
    if parameter is None or not has_values(parameter):
        raise MergeError(f"{path}.weight has no values (meta device)", path=path)
    weight, name = weight_of(module), f"{path}.weight"
    merged, norm, error = _summed(weight, updates.of("weight"), name=name)
    told = _told(merged.dtype)
    updates.packed = exchange(module, merged, packed=requantise)
    updates.merged = True
    if requantise:
        told = scheme_of(module) or told
        error = torch.linalg.vector_norm(_wide(weight_of(module)) - _wide(merged)).item()
    return MergedWeight(name, told, norm, error)


def _summed(
    weight: Tensor, updates: list[LowRankUpdate], *, name: str
) -> tuple[Tensor, float, float]:
    """(weight + updates rounded once, norm of the updates, norm of what rounding changed).

    Only the updates' own rows are touched.
    """
    merged = weight.detach().clone(memory_format=torch.contiguous_format)
    wide = torch.promote_types(weight.dtype, torch.float32)
    norms, errors = [], []
    for update in updates:
        factor = update.factor(weight) if update.rescales else None
        matrix = update.layout.matrix(merged)
        for rows, pairs, own in _pieces(matrix, update.pairs(), factor=factor):
            base, delta = rows.clone(), _delta(pairs, wide)
            summed = base.to(wide) + delta
            rows.copy_(summed if own is None else summed * own[:, None].to(wide))
            _refuse_not_finite(rows, base, delta=delta, name=name)
            # Judged in float64, where the sum of two float32 tensors is exact.
            target = _wide(base) + _wide(delta)
            if own is None:
                norms.append(torch.linalg.vector_norm(_wide(delta)))
            else:
                target = target * _wide(own)[:, None]
                norms.append(torch.linalg.vector_norm(target - _wide(base)))
            errors.append(torch.linalg.vector_norm(_wide(rows) - target))
    if weight.stride() != merged.stride():
        merged = torch.empty_like(weight).copy_(merged)
    return merged, _total(norms), _total(errors)


def _delta(pairs: Sequence[Pair], dtype: torch.dtype) -> Tensor:
    (a, b, scale), *rest = pairs
    delta = dense_update(a, b, scale=scale, dtype=dtype)
    for a, b, scale in rest:
        delta += dense_update(a, b, scale=scale, dtype=dtype)
    return delta


def _pieces(
    matrix: Tensor, pairs: Sequence[Pair], *, factor: Tensor | None
) -> Iterator[tuple[Tensor, Sequence[Pair], Tensor | None]]:
    """A matrix [.., out, in] in ranges of rows of at most PIECE scalars, with what changes them."""
    if matrix.dim() == 3:
        for index, one in enumerate(matrix):
            own = None if factor is None else factor[index]
            its = [(a[index], b[index], scale) for a, b, scale in pairs]
            yield from _pieces(one, its, factor=own)
        return
    step = max(1, PIECE // max(1, matrix.shape[1]))
    for start in range(0, matrix.shape[0], step):
        rows = slice(start, start + step)
        own = None if factor is None else factor[rows]
        yield matrix[rows], [(a, b[rows], scale) for a, b, scale in pairs], own


def _wide(tensor: Tensor) -> Tensor:
    return (tensor.cpu() if tensor.device.type == "mps" else tensor).double()


def _total(norms: list[Tensor]) -> float:
    return torch.linalg.vector_norm(torch.stack(norms)).item()


def _refuse_not_finite(merged: Tensor, base: Tensor, *, delta: Tensor, name: str) -> None:
    if bool(torch.isfinite(merged).all()):
        return
    if not bool(torch.isfinite(delta).all()):
        raise MergeError(f"the update of {name} holds values that are not finite", path=name)
    if not bool(torch.isfinite(base).all()):
        raise MergeError(f"the base weight {name} holds values that are not finite", path=name)
    raise MergeError(
        f"merging {name} gives values that {_told(base.dtype)} cannot hold; merge in float32 "
        "(model.float()) instead, or keep the adapter apart",
        path=name,
    )


def _told(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _holders(model: nn.Module, path: str, *, name: str) -> list[nn.Parameter]:
    """The parameter, and those of the partners that share its memory as objects of their own."""
    paths = (path, *attachment_of(model).layers[path].partners)
    found = [model.get_submodule(p)._parameters[name] for p in paths]
    return [parameter for parameter in found if parameter is not None]


def _restore_bits(model: nn.Module) -> None:
    for path, updates in each_update_set(model):
        if updates.packed is not None:
            put_back(model.get_submodule(path), updates.packed)
            updates.packed = None
        for name, bits in updates.kept.items():
            first = _holders(model, path, name=name)[0]
            # The model may have moved since: the bits follow it, one tensor for all holders.
            bits = bits.to(device=first.device, dtype=first.dtype)
            for holder in _holders(model, path, name=name):
                holder.data = bits
        updates.kept.clear()
        updates.merged = False


def _refuse_lost(model: nn.Module, weights: tuple[MergedWeight, ...]) -> None:
    moved = [weight for weight in weights if weight.update_norm > 0]
    if moved and all(_is_unchanged(model, weight.name) for weight in moved):
        raise MergeError(
            f"the merged model would equal the base although the adapter is not zero: all "
            f"{len(moved)} updates are too small for {moved[0].dtype}; merge in float32 "
            "(model.float()) instead, or keep the adapter apart",
            weights=tuple(weight.name for weight in moved),
        )


def _is_unchanged(model: nn.Module, name: str) -> bool:
    path, _, parameter = name.rpartition(".")
    module, updates = model.get_submodule(path), updates_of(model, path)
    if updates.packed is not None:
        return not updates.packed.changed
    kept = updates.kept[parameter]
    return torch.equal(module._parameters[parameter], kept)  # type: ignore[arg-type]


def _computes_in(model: nn.Module, path: str) -> list[torch.dtype]:
    module, updates = model.get_submodule(path), updates_of(model, path)
    if is_packed(module):
        return [computes_in(module), weight_of(module).dtype]
    return [weight_of(module, name).dtype for name in updates.parameters_updated()]


def _tolerance(dtypes: Sequence[Sequence[torch.dtype]]) -> float:
    return max(TOLERANCES[dtype] for own in dtypes for dtype in own)


def _compare(weights: tuple[MergedWeight, ...], found: float, *, allowed: float) -> MergeReport:
    # Written so that a difference that is not a number is refused too.
    if not found <= allowed:
        raise MergeError(
            f"the merged model answers the probe differently: by {found:.2e} of the greatest "
            f"answer, {allowed:.0e} is allowed; the model is unmerged again",
            difference=found,
            tolerance=allowed,
        )
    return MergeReport(weights, found, None if math.isinf(allowed) else allowed)
