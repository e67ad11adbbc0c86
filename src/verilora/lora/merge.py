"""merge and unmerge: the sum in float32, rounded once; the base's bits kept and given back.

A merge proves itself: it refuses when it would change nothing although the adapter is not zero,
when it would not be finite, or when the model's answer to a probe differs by more than allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from verilora.errors import MergeError, StateError
from verilora.lora.attachment import attachment_of, each_update_set, is_merged
from verilora.lora.update import UpdateSet

# Greatest difference allowed between the answers before and after, as a share of the greatest
# answer: rounding of the weights' dtype, carried through a deep model.
TOLERANCES = {torch.float64: 1e-9, torch.float32: 1e-4, torch.float16: 2e-2, torch.bfloat16: 1e-1}


@dataclass(frozen=True)
class MergedWeight:
    """One weight after merging. Errors and sizes are Frobenius norms."""

    name: str
    dtype: str
    update_norm: float
    """‖scale · BA‖."""
    rounding_error: float
    """‖merged − (W + scale · BA)‖, judged in float64: what the weight's dtype cannot hold."""

    @property
    def lost(self) -> float:
        """Share of the update that rounding took: rounding_error / update_norm."""
        return self.rounding_error / self.update_norm if self.update_norm else 0.0


@dataclass(frozen=True)
class MergeReport:
    """What a merge did, weight by weight, and to the answer on the probe batch."""

    weights: tuple[MergedWeight, ...]
    probe_difference: float | None = None
    """Greatest absolute difference of the answers, divided by the greatest answer."""
    tolerance: float | None = None

    def to_mapping(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {
            "weights": [{**vars(weight), "lost": weight.lost} for weight in self.weights],
            "probe_difference": self.probe_difference,
            "tolerance": self.tolerance,
        }

    def __str__(self) -> str:
        width = max((len(weight.name) for weight in self.weights), default=6)
        lines = [f"{'weight':<{width}}  {'dtype':<8}  {'update':>10}  {'rounding':>10}  lost"]
        lines += [
            f"{w.name:<{width}}  {w.dtype:<8}  {w.update_norm:>10.3e}  "
            f"{w.rounding_error:>10.3e}  {w.lost:.2%}"
            for w in self.weights
        ]
        if self.probe_difference is not None:
            lines.append(f"probe: {self.probe_difference:.2e} (allowed {self.tolerance:.0e})")
        return "\n".join(lines)


def merge(model: nn.Module, probe: Any = None, *, tolerance: float | None = None) -> MergeReport:
    """Adds every update into its base weight, in place; the bits from before are kept aside.

    Each weight is summed in float32 and rounded once to its own dtype. `probe` is a batch (a dict
    of keyword arguments, a tuple, or one tensor); the model must answer it as before within
    `tolerance` (by default by the weights' dtype: 1e-4 for float32, 0.1 for bfloat16).
    Costs a copy of each adapted weight until `unmerge`.
    Raises MergeError, with the model as it was, if a merge would be wrong; StateError if merged.
    """
    attachment_of(model)
    if is_merged(model):
        raise StateError("the model is merged already; call unmerge(model) first")
    before = None if probe is None else _answer(model, probe)
    try:
        weights = tuple(
            weight
            for path, updates in each_update_set(model)
            for weight in _merge_module(model, path, updates)
        )
        _refuse_lost(model, weights)
        if before is None:
            return MergeReport(weights)
        allowed = tolerance if tolerance is not None else _tolerance(weights)
        return _compare(weights, before, _answer(model, probe), allowed)
    except BaseException:
        _restore_bits(model)
        raise


def unmerge(model: nn.Module) -> nn.Module:
    """Puts the base's own bits back, exactly, after any number of merges; returns the model.

    Raises StateError if the model is not merged.
    """
    if not is_merged(model):
        raise StateError("the model is not merged; there is nothing to undo")
    _restore_bits(model)
    return model


@torch.no_grad()
def _merge_module(model: nn.Module, path: str, updates: UpdateSet) -> Iterator[MergedWeight]:
    module = model.get_submodule(path)
    for name in updates.parameters_updated():
        parameter = module._parameters[name]
        assert parameter is not None
        exact = parameter.to(torch.promote_types(parameter.dtype, torch.float32))
        delta = sum(update.dense() for update in updates.of(name))
        exact = exact + delta
        merged = exact.to(parameter.dtype)
        if not bool(torch.isfinite(merged).all()):
            raise MergeError(
                f"merging {path}.{name} gives values that {parameter.dtype} cannot hold; merge "
                "in float32 (model.float()) instead",
                path=path,
            )
        # Judged in float64, where the sum of two float32 tensors is exact.
        truth = parameter.double() + delta.double()
        error = torch.linalg.vector_norm(merged.double() - truth).item()
        updates.kept[name] = parameter.data
        for holder in _holders(model, path, name):
            holder.data = merged
        yield MergedWeight(
            f"{path}.{name}",
            str(parameter.dtype).removeprefix("torch."),
            torch.linalg.vector_norm(delta).item(),
            error,
        )
    updates.merged = True


def _holders(model: nn.Module, path: str, name: str) -> list[nn.Parameter]:
    """The parameter, and those of the partners that share its memory as objects of their own."""
    paths = (path, *attachment_of(model).layers[path].partners)
    found = [model.get_submodule(p)._parameters[name] for p in paths]
    return [parameter for parameter in found if parameter is not None]


def _restore_bits(model: nn.Module) -> None:
    for path, updates in each_update_set(model):
        for name, bits in updates.kept.items():
            for holder in _holders(model, path, name):
                # The model may have moved since: the bits follow it.
                holder.data = bits.to(device=holder.device, dtype=holder.dtype)
        updates.kept.clear()
        updates.merged = False


def _refuse_lost(model: nn.Module, weights: tuple[MergedWeight, ...]) -> None:
    moved = [weight for weight in weights if weight.update_norm > 0]
    unchanged = [w for w in moved if _is_unchanged(model, w.name)]
    if moved and len(unchanged) == len(moved):
        raise MergeError(
            f"the merged model would equal the base although the adapter is not zero: all "
            f"{len(moved)} updates are too small for {moved[0].dtype}; merge in float32 "
            "(model.float()) instead, or keep the adapter apart",
            weights=tuple(weight.name for weight in unchanged),
        )


def _is_unchanged(model: nn.Module, name: str) -> bool:
    path, _, parameter = name.rpartition(".")
    module = model.get_submodule(path)
    kept = module.lora.kept[parameter]  # type: ignore[union-attr]
    return torch.equal(module._parameters[parameter], kept)  # type: ignore[arg-type]


def _tolerance(weights: tuple[MergedWeight, ...]) -> float:
    return max(TOLERANCES[getattr(torch, weight.dtype)] for weight in weights)


def _compare(
    weights: tuple[MergedWeight, ...], before: Tensor, after: Tensor, allowed: float
) -> MergeReport:
    greatest = before.abs().max().item()
    difference = (after - before).abs().max().item() / (greatest or 1.0)
    # Written so that a difference that is not a number is refused too.
    if not difference <= allowed:
        raise MergeError(
            f"the merged model answers the probe differently: by {difference:.2e} of the greatest "
            f"answer, {allowed:.0e} is allowed; the model is unmerged again",
            difference=difference,
            tolerance=allowed,
        )
    return MergeReport(weights, difference, allowed)


@torch.no_grad()
def _answer(model: nn.Module, probe: Any) -> Tensor:
    """The first floating tensor of the model's output, in eval mode, in float64."""
    training = model.training
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        output = _call(model, probe)
    finally:
        for module, mode in modes.items():
            module.training = mode
        assert model.training == training
    found = next(_floating(output), None)
    if found is None:
        raise MergeError("the model's answer to the probe holds no floating-point tensor")
    return found.double()


def _call(model: Callable[..., Any], probe: Any) -> Any:
    if isinstance(probe, Tensor):
        return model(probe)
    if hasattr(probe, "keys"):
        return model(**{key: probe[key] for key in probe})
    return model(*probe)


def _floating(output: Any) -> Iterator[Tensor]:
    if isinstance(output, Tensor):
        if output.is_floating_point():
            yield output
    elif hasattr(output, "values"):
        for value in output.values():
            yield from _floating(value)
    elif isinstance(output, list | tuple):
        for value in output:
            yield from _floating(value)
